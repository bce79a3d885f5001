import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { Cluster, echoDeployment, loadBalancerService, type Service } from './cluster.ts';
import { eventually } from './eventually.ts';
import { ownersOf } from './machines.ts';
import { tracesOf } from './traces.ts';

const IPV4 = /^10\.9\.100\.\d+$/;
const IPV6 = /^fd09::100:[0-9a-f]+$/;
const DUAL = { ipFamilyPolicy: 'RequireDualStack' };

let lab: Lab;
let cluster: Cluster;
let prober: Prober;

beforeAll(async () => {
  lab = await startLab({ name: `ipv6-${process.pid}`, dualStack: true, kubernetes: kubernetes() });
  cluster = new Cluster(lab);
  prober = await lab.startProber();
  await cluster.apply(echoDeployment('web', 4));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

/** What an echo program behind the address says: its name, and the address that it saw. */
async function ask(address: string, path = '/'): Promise<{ name: string; saw: string }> {
  const host = address.includes(':') ? `[${address}]` : address;
  const text = await lab.must('client', ['curl', '-sf', '-m', '2', `http://${host}${path}`]);
  const [, name = '', saw = ''] = /^(\S+) saw (\S+):\d+$/.exec(text.trim()) ?? [];
  return { name, saw };
}

function shapes(ips: readonly string[]): string[] {
  return ips.map((ip) => (IPV4.test(ip) ? 'IPv4' : IPV6.test(ip) ? 'IPv6' : ip));
}

async function change(name: string, spec: object): Promise<void> {
  await cluster.kubectl(['patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec })]);
}

describe('families', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['one family, as the cluster fills in', {}, ['IPv4']],
    ['IPv6 alone', { ipFamilies: ['IPv6'] }, ['IPv6']],
    ['both required, in the order of the cluster', DUAL, ['IPv4', 'IPv6']],
    ['both required, IPv6 first', { ...DUAL, ipFamilies: ['IPv6', 'IPv4'] }, ['IPv6', 'IPv4']],
    ['both preferred', { ipFamilyPolicy: 'PreferDualStack' }, ['IPv4', 'IPv6']],
  ])(
    '%s: one entry of the status for each, every one of which answers from every pod',
    async (_what, spec, families) => {
      const name = `f${families.join('').toLowerCase()}-${Object.keys(spec).length}${JSON.stringify(spec).length}`;
      await cluster.apply(loadBalancerService(name, 'web', spec));
      const ips = await cluster.addresses(name, families.length);
      expect(shapes(ips)).toEqual(families);
      const { ingress } = (await cluster.service(name)).status.loadBalancer as Required<
        Service['status']['loadBalancer']
      >;
      expect(ingress).toMatchObject(ips.map((ip) => ({ ip, ipMode: 'Proxy', ports: [{ port: 80, protocol: 'TCP' }] })));
      const pods = (await cluster.pods('web')).map((pod) => pod.metadata.name).sort();
      for (const address of ips) {
        const probe = prober.probe({ address, port: 80, httpPath: '/', intervalMs: 20 });
        await eventually(async () => expect(Object.keys((await probe.report()).backends).sort()).toEqual(pods));
        expect(await probe.stop()).toMatchObject({ failed: 0, failures: {} });
      }
      for (const type of ['Accepted', 'AddressAllocated', 'Programmed']) await cluster.condition(name, type, 'True');
      await cluster.kubectl(['delete', 'service', name, '--timeout=20s']);
    },
  );

  it('clients of the IPv6 address come to pods by IPv6, from the machine’s own address and never from a VIP', async () => {
    await cluster.apply(
      echoDeployment('six', 1, { 'kubernetes.io/hostname': 'node-1' }),
      loadBalancerService('six', 'six', { ...DUAL, externalTrafficPolicy: 'Local' }),
    );
    await cluster.rolledOut('six');
    const [ipv4, ipv6] = (await cluster.addresses('six', 2)) as [string, string];
    const [owner] = await ownersOf(lab, ipv6);
    const machine = lab.site.machines.find(({ name }) => name === owner)!;
    await eventually(async () => expect((await ask(ipv4)).saw).toBe(machine.address));
    // The pod writes an IPv6 address without brackets.
    await eventually(async () => expect((await ask(ipv6)).saw).toBe(machine.address6));
  });
});

describe('a live Service', () => {
  it('switched from one family to both and back keeps its first address, and every connection to it', async () => {
    await cluster.apply(
      loadBalancerService('switch', 'web', { ports: [{ name: 'lines', port: 9000, targetPort: 'tcp-lines' }] }),
    );
    const [first] = (await cluster.addresses('switch', 1)) as [string];
    const hold = prober.hold({ address: first, port: 9000, connections: 3 });
    const probe = prober.probe({ address: first, port: 9000 });
    await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(5));

    await change('switch', DUAL);
    const both = await cluster.addresses('switch', 2);
    expect(both[0]).toBe(first);
    expect(shapes(both)).toEqual(['IPv4', 'IPv6']);
    const second = prober.probe({ address: both[1]!, port: 9000 });
    await eventually(async () => expect((await second.report()).ok).toBeGreaterThan(20));
    expect(await second.stop()).toMatchObject({ failed: 0, failures: {} });

    await change('switch', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
    expect(await cluster.addresses('switch', 1)).toEqual([first]);
    await eventually(async () => {
      for (const { name } of lab.site.machines) expect(await tracesOf(lab, name, both[1]!)).toEqual([]);
    });
    expect((await hold.stop()).broken).toEqual([]);
    expect(await probe.stop()).toMatchObject({ failed: 0, failures: {} });
  });
});

describe('addresses asked for', () => {
  const wish = (name: string, ip: string, spec: Record<string, unknown>) => {
    const service = loadBalancerService(name, 'web', spec) as { metadata: object };
    return { ...service, metadata: { ...service.metadata, annotations: { 'fairlead.dev/ip': ip } } };
  };

  it('are given, one of each family, by annotation and by loadBalancerIP', async () => {
    await cluster.apply(wish('asked', '10.9.100.77,FD09::0100:0077', DUAL));
    expect(await cluster.addresses('asked', 2)).toEqual(['10.9.100.77', 'fd09::100:77']);
    await cluster.apply(loadBalancerService('field', 'web', { ipFamilies: ['IPv6'], loadBalancerIP: 'fd09::100:78' }));
    expect(await cluster.addresses('field', 1)).toEqual(['fd09::100:78']);
  });

  it('are refused with the holder’s name, and with the family when it is not there', async () => {
    await cluster.apply(loadBalancerService('late', 'web', { ipFamilies: ['IPv6'], loadBalancerIP: 'fd09::100:78' }));
    const { reason, message } = await cluster.condition('late', 'AddressAllocated', 'False');
    expect({ reason, message }).toMatchObject({ reason: 'AddressHeld', message: expect.stringContaining('field') });
    await cluster.apply(loadBalancerService('four', 'web', { ipFamilies: ['IPv4'], loadBalancerIP: 'fd09::100:79' }));
    const refused = await cluster.condition('four', 'Accepted', 'False');
    expect(refused).toMatchObject({ reason: 'AddressFamilyMismatch', message: expect.stringContaining('ipFamilies') });
    await cluster.kubectl(['delete', 'service', 'late', 'four', '--timeout=20s']);
  });

  it('PreferDualStack has what can be had, and the Service is told what is lacking; then it gets that too', async () => {
    await cluster.apply(wish('prefer', '10.9.100.88,fd09::100:78', { ipFamilyPolicy: 'PreferDualStack' }));
    expect(await cluster.addresses('prefer', 1)).toEqual(['10.9.100.88']);
    const lacking = await cluster.condition('prefer', 'AddressAllocated', 'True');
    expect(lacking).toMatchObject({
      reason: 'PartlyAllocated',
      message: expect.stringContaining('fd09::100:78 is held by lab/default/field'),
    });
    await eventually(async () =>
      expect((await cluster.events('prefer')).map(({ reason }) => reason)).toContain('AllocationFailed'),
    );
    expect((await ask('10.9.100.88')).name).toMatch(/^web-/);
    await cluster.kubectl(['delete', 'service', 'field', '--timeout=20s']);
    expect(await cluster.addresses('prefer', 2)).toEqual(['10.9.100.88', 'fd09::100:78']);
    expect((await cluster.condition('prefer', 'AddressAllocated', 'True')).reason).toBe('Allocated');
  });

  it('RequireDualStack has both or none, and what a Service had before goes on being served', async () => {
    await cluster.apply(loadBalancerService('require', 'web', { loadBalancerIP: '10.9.100.99' }));
    expect(await cluster.addresses('require', 1)).toEqual(['10.9.100.99']);
    await cluster.apply(wish('require', 'fd09::100:78', { ...DUAL, loadBalancerIP: '10.9.100.99' }));
    const { reason, message } = await cluster.condition('require', 'AddressAllocated', 'False');
    expect({ reason, message }).toMatchObject({ reason: 'AddressHeld', message: expect.stringContaining('prefer') });
    expect(await cluster.addresses('require', 1)).toEqual(['10.9.100.99']);
    expect((await ask('10.9.100.99')).name).toMatch(/^web-/);
    await cluster.kubectl(['delete', 'service', 'require', '--timeout=20s']);
  });
});

describe('machines', () => {
  it('hand the IPv6 address over with the other, also without lbagent, and the client hardly notices', async () => {
    await cluster.apply(loadBalancerService('over', 'web', { ...DUAL, ipFamilies: ['IPv6', 'IPv4'] }));
    const [ipv6, ipv4] = (await cluster.addresses('over', 2)) as [string, string];
    const [owner] = (await ownersOf(lab, ipv6)) as [string];
    const other = lab.site.machines.find(({ name }) => name !== owner)!.name;
    expect(await ownersOf(lab, ipv4)).toEqual([owner]);
    await lab.kill(other, 'lbagent', 'KILL');
    const probes = [ipv6, ipv4].map((address) => prober.probe({ address, port: 80, httpPath: '/' }));
    await eventually(async () => expect((await probes[0]!.report()).ok).toBeGreaterThan(20));
    await lab.cut(owner);
    await eventually(async () => {
      expect(await ownersOf(lab, ipv6)).toContain(other);
      expect((await ask(ipv6)).name).toMatch(/^web-/);
    });
    await eventually(async () => expect((await probes[0]!.report()).outages.at(-1)?.open).toBe(false));
    const [six, four] = await Promise.all(probes.map((probe) => probe.stop()));
    expect(six!.longestOutageMs).toBeLessThan(3_000);
    expect(four!.longestOutageMs).toBeLessThan(3_000);
    await lab.heal(owner);
    await lab.start(other, 'lbagent');
  });

  it('have exactly what is asked for, in both families, by the oracle’s eyes', async () => {
    const observation = await expectHolds(lab, { seconds: 20 });
    expect(observation.site.loadBalancers.flatMap((each) => each.addresses).filter((ip) => IPV6.test(ip))).not.toEqual(
      [],
    );
  });
});
