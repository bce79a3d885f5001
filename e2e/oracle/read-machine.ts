import { endpointText } from './endpoints.ts';
import type { MachineInside, Routes } from './observation.ts';

/** What stands on an LB machine, unread. */
export interface MachineText {
  /** `ip -j address show` */
  readonly links: string;
  /** `nft -j list table inet fairlead`; empty: there is no such table. */
  readonly nftables: string;
  /** services.map */
  readonly map: string;
  /** haproxy.cfg */
  readonly config: string;
  /** Answers to `show map` and `show servers state`. */
  readonly running?: { readonly map: string; readonly serversState: string };
  readonly haproxyPids: readonly number[];
}

/** Reads what stands on an LB machine, with eyes of its own: nothing of lbagent's. */
export function readMachine(text: MachineText): MachineInside {
  const { running, haproxyPids } = text;
  return {
    addresses: readAddresses(text.links),
    caught: readCaught(text.nftables),
    file: routes(readMap(text.map), readConfig(text.config)),
    running: running && routes(readMap(running.map), readServersState(running.serversState)),
    haproxyPids,
  };
}

interface Link {
  readonly ifname?: string;
  readonly addr_info?: readonly { readonly family?: string; readonly local?: string }[];
}

/** Link-local, and where the machines of a set find each other over IPv6. */
const NOBODYS = /^(fe80:|fd66:6169:726c::)/;

function readAddresses(json: string): string[] {
  const links = JSON.parse(json === '' ? '[]' : json) as readonly Link[];
  return links
    .filter(({ ifname }) => ifname !== 'lo')
    .flatMap(({ addr_info }) => addr_info ?? [])
    .flatMap(({ local }) => (local === undefined || NOBODYS.test(local) ? [] : [local]))
    .sort();
}

interface Nftables {
  readonly nftables: readonly {
    readonly set?: {
      readonly name: string;
      readonly elem?: readonly { readonly concat?: readonly [string, number] }[];
    };
  }[];
}

function readCaught(json: string): string[] {
  if (json === '') return [];
  const elements = (JSON.parse(json) as Nftables).nftables.flatMap(({ set }) =>
    set?.name === 'tcp4' || set?.name === 'tcp6' ? (set.elem ?? []) : [],
  );
  return elements.flatMap(({ concat }) => (concat === undefined ? [] : [endpointText(...concat)])).sort();
}

/** VIP:PORT to name of backend. The running one puts a pointer before each line. */
function readMap(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(?:0x[0-9a-f]+ )?([\da-f.:]+)\|(\d+) ([^\s|]+)(?:\|\S+)?$/.exec(line);
    if (match !== null) entries.set(endpointText(match[1]!, match[2]!), match[3]!);
  }
  return entries;
}

/** Name of backend to its servers. */
type Backends = ReadonlyMap<string, readonly string[]>;

function readConfig(text: string): Backends {
  const backends = new Map<string, string[]>();
  let servers: string[] = [];
  for (const line of text.split('\n')) {
    const section = /^(\S+)(?: (\S+))?/.exec(line);
    if (section !== null && !line.startsWith('#')) {
      servers = [];
      if (section[1] === 'backend') backends.set(section[2] ?? '', servers);
    }
    const server = /^ +server \S+ (\S+:\d+)( .*)?$/.exec(line);
    if (server !== null && !/ disabled\b/.test(server[2] ?? '')) servers.push(server[1]!);
  }
  return backends;
}

// https://docs.haproxy.org/2.6/management.html#9.3-show%20servers%20state
const COLUMNS = { backend: 1, address: 4, admin: 6, port: 18 };
const FORCED_MAINTENANCE = 0x01;

function readServersState(text: string): Backends {
  const backends = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    if (fields.length < 19 || line.startsWith('#')) continue;
    const name = fields[COLUMNS.backend]!;
    const servers = backends.get(name) ?? [];
    backends.set(name, servers);
    if ((Number(fields[COLUMNS.admin]) & FORCED_MAINTENANCE) === 0) {
      servers.push(endpointText(fields[COLUMNS.address]!, fields[COLUMNS.port]!));
    }
  }
  return backends;
}

function routes(map: ReadonlyMap<string, string>, backends: Backends): Routes {
  return Object.fromEntries([...map].map(([endpoint, name]) => [endpoint, (backends.get(name) ?? []).toSorted()]));
}
