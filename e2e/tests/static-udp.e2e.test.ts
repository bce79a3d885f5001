import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers, ownersOf } from './machines.ts';
import { connectedFlows, routerSetting, udpTables, leftOfUdp } from './udp.ts';

let lab: Lab;
let prober: Prober;
const nodes = () => lab.site.nodes.map(({ name }) => name);
const machines = () => lab.site.machines.map(({ name }) => name);

/** A static load balancer, UDP only: its backends are the echo programs of the nodes, so that a name is a node. */
function staticManifest(backends: readonly string[]): string {
  const list = lab.site.nodes.filter(({ name }) => backends.includes(name));
  const ports = `[{name: quic, port: 443, targetPort: ${lab.site.echo.udp}, protocol: UDP}]`;
  return `apiVersion: fairlead.dev/v1
kind: LoadBalancer
metadata: {name: quic}
spec: {loadBalancerSet: default, vipPool: default, ports: ${ports}, backends: [${list.map(({ name, address }) => `{name: ${name}, address: ${address}}`).join(', ')}]}
`;
}
const applyStatic = (backends: readonly string[]) =>
  lab.fairlead(['apply', '-f', '-'], { stdin: staticManifest(backends) });

function staticAddress(): Promise<string> {
  return eventually(async () => {
    const text = await lab.fairlead(['get', 'loadbalancer', 'quic', '-o', 'json']);
    const { status } = JSON.parse(text) as { status?: { state: string; addresses?: string[] } };
    if (status?.state !== 'SERVING') throw new Error(`quic: ${JSON.stringify(status)}`);
    return status.addresses![0]!;
  });
}

async function ownerOf(address: string): Promise<string> {
  return eventually(async () => {
    const owners = await ownersOf(lab, address);
    if (owners.length !== 1) throw new Error(`${address} is held by ${owners.join(' and ') || 'nobody'}`);
    return owners[0]!;
  });
}

beforeAll(async () => {
  lab = await startLab({ name: `static-udp-${process.pid}`, staticLoadBalancers: [] });
  prober = await lab.startProber();
});
afterAll(async () => {
  await lab?.down();
});

it('a machine without a UDP port is no router and has no rules for it', async () => {
  for (const machine of machines()) {
    expect(await udpTables(lab, machine)).toBe('');
    expect(await routerSetting(lab, machine)).toBe('0');
  }
});

describe('protocol: UDP', () => {
  it('every node gets its share of flows from many source ports, and sees the LB machine', async () => {
    await applyStatic(nodes());
    const address = await staticAddress();
    const probe = prober.probe({ address, port: 443, udp: true, intervalMs: 3 });
    await eventually(async () => expect((await probe.report()).ok).toBeGreaterThan(300));
    const { failures, backends, ok } = await probe.stop();
    expect(failures).toEqual({});
    for (const node of nodes()) expect(backends[node]).toBeGreaterThan(ok / 6);
    const owner = await ownerOf(address);
    // One read is one datagram.
    const ask = `exec 3<>/dev/udp/${address}/443; echo -n hi >&3; timeout 2 dd bs=200 count=1 status=none <&3`;
    const said = await lab.must('client', ['bash', '-c', ask]);
    expect(said).toContain(` saw ${lab.site.machines.find(({ name }) => name === owner)!.address}:`);
  });

  it('what comes for a UDP port that nobody serves is dropped, and the kernel does not remember it', async () => {
    const address = await staticAddress();
    const owner = await ownerOf(address);
    const probe = prober.probe({ address, port: 444, udp: true, deadlineMs: 200 });
    await sleep(500);
    expect((await probe.stop()).failures).toEqual({ timeout: expect.any(Number) });
    expect(await connectedFlows(lab, owner, address, 444)).toEqual([]);
  });

  it('a machine that forwards UDP is no way to anywhere else', async () => {
    const owner = await ownerOf(await staticAddress());
    expect(await routerSetting(lab, owner)).toBe('1');
    const via = lab.site.machines.find(({ name }) => name === owner)!.address;
    const { address } = lab.site.nodes[0]!;
    const ask = ['curl', '-s', '-m', '1', `http://${address}:${lab.site.echo.http}/`];
    expect((await lab.exec('client', ask)).code).toBe(0);
    // As the machine's neighbours could: with a route of their own through it.
    await lab.must('client', ['ip', 'route', 'add', `${address}/32`, 'via', via]);
    const tried = await lab.exec('client', ask);
    await lab.must('client', ['ip', 'route', 'del', `${address}/32`, 'via', via]);
    expect(tried.code).toBe(28);
  });
});

describe('long flows, as QUIC has them', () => {
  it('stay with their backend while others go and come, and move when theirs goes', async () => {
    const address = await staticAddress();
    const hold = prober.hold({ address, port: 443, udp: true, connections: 30, intervalMs: 20 });
    await eventually(async () => expect((await hold.report()).open).toBe(30));
    const before = (await hold.report()).backends;
    await applyStatic(nodes().slice(1));
    await eventually(async () => {
      for (const machine of machines())
        expect(await connectedFlows(lab, machine, address, 443)).not.toContain(lab.site.nodes[0]!.address);
    });
    await sleep(500);
    const during = await hold.report();
    // Those of the one that went have found another; the others have not moved.
    const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
    expect(during.open).toBe(30);
    expect(sum(during.backends)).toBe(30 + (before[nodes()[0]!] ?? 0));
    await applyStatic(nodes());
    await sleep(1000);
    const after = await hold.stop();
    expect(after.backends).toEqual(during.backends);
    expect(after).toMatchObject({ open: 30, broken: [] });
    expect(after.longestStallMs).toBeLessThan(2000);
  });

  it.each([
    ['is cut off the network', (owner: string) => lab.cut(owner), (owner: string) => lab.heal(owner)],
    ['loses its haproxy', (owner: string) => lab.kill(owner, 'haproxy', 'KILL'), () => Promise.resolve()],
  ])('keep their backend when the machine %s', async (_how, strike, mend) => {
    const address = await staticAddress();
    const owner = await ownerOf(address);
    const hold = prober.hold({ address, port: 443, udp: true, connections: 20, intervalMs: 20 });
    const dns = prober.probe({ address, port: 443, udp: true, deadlineMs: 500 });
    await eventually(async () => expect((await hold.report()).open).toBe(20));
    await strike(owner);
    await sleep(2500);
    await mend(owner);
    await sleep(2000);
    const held = await hold.stop();
    const asked = await dns.stop();
    expect(held).toMatchObject({ open: 20, broken: [] });
    expect(Object.values(held.backends).reduce((a, b) => a + b, 0)).toBe(20);
    expect(held.longestStallMs).toBeLessThan(2000);
    expect(asked.longestOutageMs).toBeLessThan(2000);
    expect(asked.outages.filter(({ open }) => open)).toEqual([]);
  });

  it('do not notice that lbagent is killed and started again', async () => {
    const address = await staticAddress();
    const owner = await ownerOf(address);
    const before = await haproxyWorkers(lab);
    const hold = prober.hold({ address, port: 443, udp: true, connections: 10, intervalMs: 20 });
    const dns = prober.probe({ address, port: 443, udp: true });
    await sleep(300);
    await lab.kill(owner, 'lbagent', 'KILL');
    await sleep(500);
    await lab.start(owner, 'lbagent');
    await sleep(1500);
    expect(await hold.stop()).toMatchObject({ open: 10, lost: 0, broken: [] });
    expect((await dns.stop()).failures).toEqual({});
    expect(await haproxyWorkers(lab)).toEqual(before);
  });
});

describe('what is on the machines', () => {
  it.each([
    ['the table of UDP is deleted', ['nft', 'delete', 'table', 'inet', 'fairlead_udp']],
    ['its rules are flushed', ['nft', 'flush', 'table', 'inet', 'fairlead_udp']],
    ['one rule is put before others', ['nft', 'insert', 'rule', 'inet', 'fairlead_udp', 'incoming', 'accept']],
    ['the machine is told to route no more', ['sysctl', '-qw', 'net.ipv4.ip_forward=0']],
  ])('is put right within 10 s when %s', async (_what, spoil) => {
    const address = await staticAddress();
    const owner = await ownerOf(address);
    await lab.must(owner, spoil);
    const probe = prober.probe({ address, port: 443, udp: true, deadlineMs: 200 });
    // Flows that the kernel remembers go on as if nothing had happened; only many new ones tell.
    await eventually(async () => {
      const { failures, ok } = await probe.report({ reset: true });
      await sleep(400);
      expect(failures).toEqual({});
      expect(ok).toBeGreaterThan(20);
      expect(await routerSetting(lab, owner)).toBe('1');
      expect(await udpTables(lab, owner)).toMatch(/chain incoming \{\s*type [^\n]*\s*ip daddr [^\n]* vmap @chains4/);
    });
    await probe.stop();
  });

  it('is all there again after a reboot with everything else dead', async () => {
    const address = await staticAddress();
    const [first, second] = machines() as [string, string];
    await lab.kill('cloudagent', 'cloudagent', 'KILL');
    await lab.halt(second);
    await lab.reboot(first);
    const probe = prober.probe({ address, port: 443, udp: true, deadlineMs: 500 });
    await eventually(async () => {
      const { backends, failed } = await probe.report({ reset: true });
      expect({ names: Object.keys(backends).sort(), failed }).toEqual({ names: nodes(), failed: 0 });
    }, 20);
    await probe.stop();
    await lab.boot(second);
    await lab.start('cloudagent', 'cloudagent');
  });

  it('goes with the last UDP port: address, rules, and the routing', async () => {
    const address = await staticAddress();
    await lab.fairlead(['delete', 'loadbalancer', 'quic']);
    await eventually(async () => expect(await leftOfUdp(lab, machines(), address)).toEqual([]), 20);
  });
});
