import { address } from '@fairlead/model';
import type { MachineConfig } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { keepalivedProblems, renderKeepalived } from './render.ts';
import type { KeepalivedInput } from './render.ts';

const config: MachineConfig = {
  machine: 'lb-1',
  loadBalancerSet: 'edge',
  members: [
    { name: 'lb-1', address: address('10.9.0.11') },
    { name: 'lb-2', address: address('10.9.0.12') },
    { name: 'lb-3', address: address('10.9.0.13') },
  ],
  vrrpInstances: [
    {
      name: 'edge-1',
      virtualRouterId: 51,
      anchorAddress: address('10.9.0.100'),
      network: 'lan',
      advertIntervalMs: 100,
      priorities: { 'lb-1': 250, 'lb-2': 225, 'lb-3': 200 },
    },
    {
      name: 'edge-2',
      virtualRouterId: 52,
      anchorAddress: address('10.9.0.101'),
      network: 'lan',
      advertIntervalMs: 30,
      priorities: { 'lb-1': 200, 'lb-2': 250, 'lb-3': 225 },
    },
  ],
  networks: [{ network: 'lan', device: 'eth0', subnets: ['10.9.0.0/24'], gateways: [], announce: true }],
};

const input: KeepalivedInput = {
  config,
  paths: {
    config: '/etc/keepalived/keepalived.conf',
    directory: '/var/lib/lbagent/vrrp',
    runDirectory: '/run/lbagent',
  },
  scripts: 'keepalived',
  user: 'root',
};

const [first, second] = config.vrrpInstances;

describe('renderKeepalived', () => {
  it('renders three machines and two instances as they stand in the golden file', async () => {
    await expect(renderKeepalived(input)).toMatchFileSnapshot('golden/three-machines.conf');
  });

  it('renders a machine that cannot run scripts as it stands in the golden file', async () => {
    await expect(renderKeepalived({ ...input, scripts: 'lbagent' })).toMatchFileSnapshot('golden/without-scripts.conf');
  });

  it('renders machines that speak IPv6 to each other as it stands in the golden file', async () => {
    const members = [11, 12].map((last, index) => ({ name: `lb-${index + 1}`, address: address(`fd09::${last}`) }));
    const over6 = { ...config, members, vrrpInstances: [{ ...first!, anchorAddress: address('fd09::100') }] };
    await expect(renderKeepalived({ ...input, config: over6 })).toMatchFileSnapshot('golden/over-ipv6.conf');
  });

  it('renders a machine alone as it stands in the golden file: still by unicast', async () => {
    const alone = { ...config, members: config.members.slice(0, 1), vrrpInstances: [first!] };
    await expect(renderKeepalived({ ...input, config: alone })).toMatchFileSnapshot('golden/one-machine.conf');
  });

  it('renders the same bytes whatever the order of instances and members', () => {
    const shuffled = { ...config, vrrpInstances: [second!, first!], members: config.members.toReversed() };
    expect(renderKeepalived({ ...input, config: shuffled })).toBe(renderKeepalived(input));
  });

  it('carries no address but the anchor', () => {
    expect(renderKeepalived(input).match(/\/32/g)).toHaveLength(2);
  });
});

describe('keepalivedProblems', () => {
  const problemsWith = (change: Partial<MachineConfig>): readonly string[] =>
    keepalivedProblems({ ...input, config: { ...config, ...change } });

  it('finds nothing wrong with a good configuration', () => {
    expect(keepalivedProblems(input)).toEqual([]);
  });

  it('says everything that is wrong at once', () => {
    const bad = { ...first!, virtualRouterId: 0, advertIntervalMs: 25, network: 'wan', priorities: { 'lb-1': 255 } };
    expect(problemsWith({ machine: 'lb-9', vrrpInstances: [bad] })).toEqual([
      'lb-9 is not a member of its own set: list it in members',
      'VRRP instance "edge-1": the virtual router id is a number from 1 to 255',
      'VRRP instance "edge-1": the advert interval is a multiple of 10 ms up to 40,950',
      'VRRP instance "edge-1": this machine has no link in network "wan"',
      'VRRP instance "edge-1": lb-1 needs a priority from 1 to 254',
      'VRRP instance "edge-1": lb-2 needs a priority from 1 to 254',
      'VRRP instance "edge-1": lb-3 needs a priority from 1 to 254',
    ]);
  });

  it('refuses two instances with one virtual router id in one network', () => {
    const problems = problemsWith({ vrrpInstances: [first!, { ...second!, virtualRouterId: 51 }] });
    expect(problems).toEqual(['two VRRP instances of one network have the same virtual router id']);
  });

  it.each(['', 'a b', 'x {', 'x\n}', 'x"', 'x#', '${HOME}', '!x', 'ü'])('lets no instance be called %j', (name) => {
    expect(problemsWith({ vrrpInstances: [{ ...first!, name }] })).not.toEqual([]);
    expect(() => renderKeepalived({ ...input, config: { ...config, vrrpInstances: [{ ...first!, name }] } })).toThrow(
      'cannot be rendered',
    );
  });

  it.each(['eth0 }', 'eth0\n', 'eth0"', ''])('lets no link be called %j', (device) => {
    expect(problemsWith({ networks: [{ ...config.networks[0]!, device }] })).not.toEqual([]);
  });

  it('lets nothing odd into a path', () => {
    const paths = { ...input.paths, directory: '/var/lib/$(id)' };
    expect(keepalivedProblems({ ...input, paths })).toEqual(['"/var/lib/$(id)" is not a plain absolute path']);
  });

  it('keeps a machine name from writing into the configuration', () => {
    const machine = 'lb 1\n}';
    const members = [{ name: machine, address: address('10.9.0.11') }];
    const vrrpInstances = [{ ...first!, priorities: { [machine]: 250 } }];
    const text = renderKeepalived({ ...input, config: { ...config, machine, members, vrrpInstances } });
    expect(text).toContain('    router_id lb-1--\n');
  });
});
