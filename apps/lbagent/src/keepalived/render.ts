import { compareAddresses, familyOf } from '@fairlead/model';
import type { MachineConfig, Member, VrrpInstance } from '@fairlead/model';
import { keepalivedFiles } from './paths.ts';
import type { KeepalivedPaths } from './types.ts';

export interface KeepalivedInput {
  readonly config: MachineConfig;
  readonly paths: KeepalivedPaths;
  readonly scripts: ScriptMode;
  /** Whom keepalived runs as, and so its scripts. */
  readonly user: string;
}

/**
 * Who moves the VIPs when the state changes.
 * `keepalived`: its scripts, with lbagent dead too, as long as nobody but root can change them.
 * `keepalived-unsecured`: the same without that condition: for a keepalived that is not root, so that there is nobody to protect,
 * and for a user namespace, where the files of the real root look foreign.
 * `lbagent`: for where keepalived cannot run scripts at all (a user namespace with one group); lbagent must be alive then.
 */
export type ScriptMode = 'keepalived' | 'keepalived-unsecured' | 'lbagent';

/** PURE. What keeps this configuration from being rendered, all of it, each with what to do. Empty: nothing. */
export function keepalivedProblems({ config, paths, user }: KeepalivedInput): readonly string[] {
  const { machine, members, networks, vrrpInstances } = config;
  const problems: string[] = [];
  const self = members.find(({ name }) => name === machine);
  if (!self) problems.push(`${machine} is not a member of its own set: list it in members`);
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(user))
    problems.push(`${JSON.stringify(user)} is not the name of a user`);
  for (const path of Object.values(paths)) {
    if (!/^\/[A-Za-z0-9_./+@-]+$/.test(path)) problems.push(`${JSON.stringify(path)} is not a plain absolute path`);
  }
  for (const vrrp of vrrpInstances) {
    const say = (problem: string): void => void problems.push(`VRRP instance ${JSON.stringify(vrrp.name)}: ${problem}`);
    if (!/^[A-Za-z0-9-]{1,32}$/.test(vrrp.name)) say('a name is 1 to 32 letters, digits and "-"');
    if (!within(vrrp.virtualRouterId, 1, 255)) say('the virtual router id is a number from 1 to 255');
    if (!within(vrrp.advertIntervalMs, 10, 40_950) || vrrp.advertIntervalMs % 10 !== 0) {
      say('the advert interval is a multiple of 10 ms up to 40,950');
    }
    const device = networks.find(({ network }) => network === vrrp.network)?.device;
    if (device === undefined) say(`this machine has no link in network ${JSON.stringify(vrrp.network)}`);
    else if (!/^[A-Za-z0-9_.:@-]{1,15}$/.test(device)) say(`${JSON.stringify(device)} is not the name of a link`);
    for (const { name, address } of members) {
      if (!within(vrrp.priorities[name] ?? 0, 1, 254)) say(`${name} needs a priority from 1 to 254`);
      if (familyOf(address) !== familyOf(vrrp.anchorAddress))
        say(`${name}'s address and the anchor are of two families`);
    }
  }
  const ids = vrrpInstances.map(({ virtualRouterId, network }) => `${network} ${virtualRouterId}`);
  if (new Set(ids).size < ids.length)
    problems.push('two VRRP instances of one network have the same virtual router id');
  return problems;
}

/**
 * PURE. keepalived.conf for this machine: VRRP version 3 by unicast, one anchor address an instance, no VIPs (a list that
 * differs between peers for a moment makes two masters, and a long one stalls a reload for seconds).
 * Throws what `keepalivedProblems` says.
 */
export function renderKeepalived(input: KeepalivedInput): string {
  const problems = keepalivedProblems(input);
  if (problems.length > 0) throw new Error(`keepalived.conf cannot be rendered: ${problems.join('; ')}`);
  const { config, paths, scripts, user } = input;
  const files = keepalivedFiles(paths);
  const checks = scripts !== 'lbagent';
  const instances = [...config.vrrpInstances].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    '# Written by lbagent. Changes made here are overwritten.',
    'global_defs {',
    `    router_id ${config.machine.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`,
    '    vrrp_version 3',
    '    vrrp_check_unicast_src',
    '    vrrp_priority -20',
    ...(checks ? [`    script_user ${user}`] : []),
    ...(scripts === 'keepalived' ? ['    enable_script_security'] : []),
    // After script_user: when a user has to be guessed first, a reload of 2.2 loses every script.
    `    vrrp_notify_fifo ${files.fifo}`,
    '}',
    '',
    'track_file haproxy_unfit {',
    `    file ${files.track}`,
    '    weight 0',
    '    init_file 0',
    '}',
    '',
    // Moves nothing by itself: it decides which of two masters yields.
    'track_file network_lossy {',
    `    file ${files.lossy}`,
    `    weight -${LOSSY_WEIGHT}`,
    '    init_file 0',
    '}',
    ...(checks ? ['', ...renderCheck(files.checkScript)] : []),
    ...instances.flatMap((vrrp) => ['', ...renderInstance(vrrp, input)]),
    '',
  ].join('\n');
}

/** Below every machine of the same set that loses nothing, up to eight of them; those that lose keep their order. */
const LOSSY_WEIGHT = 200;

/** The net for when lbagent is dead: it writes the track file sooner. */
function renderCheck(script: string): readonly string[] {
  return [
    'vrrp_script haproxy_answers {',
    `    script ${script}`,
    '    interval 1',
    '    timeout 3',
    '    fall 1',
    '    rise 1',
    '}',
  ];
}

function renderInstance(vrrp: VrrpInstance, { config, paths, scripts }: KeepalivedInput): readonly string[] {
  const self = config.members.find(({ name }) => name === config.machine) as Member;
  const others = config.members.filter(({ name }) => name !== config.machine).map(({ address }) => address);
  // Without a peer keepalived would fall back to multicast. What a machine alone sends to itself, nftables drops.
  const peers = others.length > 0 ? others : [self.address];
  const device = config.networks.find(({ network }) => network === vrrp.network)?.device ?? '';
  const notify = `${keepalivedFiles(paths).notifyScript} ${device} ${vrrp.anchorAddress}`;
  const bits = familyOf(vrrp.anchorAddress) === 'ipv4' ? 32 : 128;
  return [
    `vrrp_instance ${vrrp.name} {`,
    '    state BACKUP',
    '    nopreempt',
    `    interface ${device}`,
    `    virtual_router_id ${vrrp.virtualRouterId}`,
    `    priority ${vrrp.priorities[config.machine]}`,
    `    advert_int ${vrrp.advertIntervalMs / 1000}`,
    `    unicast_src_ip ${self.address}`,
    // By itself keepalived sends those of IPv6 with the hop limit of any packet, and peers would take none of them.
    ...(bits === 128 ? ['    unicast_ttl 255'] : []),
    '    unicast_peer {',
    ...[...peers].sort(compareAddresses).map((peer) => `        ${peer}`),
    '    }',
    '    virtual_ipaddress {',
    `        ${vrrp.anchorAddress}/${bits} dev ${device}`,
    '    }',
    '    track_file {',
    '        haproxy_unfit weight 0',
    `        network_lossy weight -${LOSSY_WEIGHT}`,
    '    }',
    ...(scripts !== 'lbagent'
      ? [
          '    track_script {',
          '        haproxy_answers',
          '    }',
          `    notify "${notify}"`,
          `    notify_master_rx_lower_pri "${notify} INSTANCE ${vrrp.name} MASTER_RX_LOWER_PRI"`,
        ]
      : []),
    '}',
  ];
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
