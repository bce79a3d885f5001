import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, echoDeployment, loadBalancerService, type Service } from './cluster.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers, ownersOf } from './machines.ts';
import { tracesOf } from './traces.ts';
import { dnsDeployment } from './udp.ts';

let lab: Lab;
let cluster: Cluster;
let prober: Prober;

beforeAll(async () => {
  lab = await startLab({
    name: `service-ranges-${process.pid}`,
    dualStack: true,
    // Older API servers let ranges pass that newer ones refuse.
    kubernetes: kubernetes({ apiServerFlags: ['--feature-gates=StrictIPCIDRValidation=false'] }),
  });
  cluster = new Cluster(lab);
  prober = await lab.startProber();
  await cluster.apply(echoDeployment('web', 2));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

/** The two clients of the lab. */
const CLIENT = '10.9.0.100/32';
const OTHER = '10.9.0.10/32';
const OLD_NAME = 'service.beta.kubernetes.io/load-balancer-source-ranges';

const LINES = { name: 'lines', port: 9000, targetPort: 'tcp-lines' };
const HTTP = { name: 'http', port: 80, targetPort: 'http' };

function ranged(name: string, ranges: readonly string[], annotations: Record<string, string> = {}): unknown {
  const spec = { ports: [HTTP, LINES], ...(ranges.length > 0 ? { loadBalancerSourceRanges: ranges } : {}) };
  const service = loadBalancerService(name, 'web', spec) as { metadata: object };
  return { ...service, metadata: { ...service.metadata, annotations } };
}

function curl(address: string, port = 80): string[] {
  const host = address.includes(':') ? `[${address}]` : address;
  return ['curl', '-s', '-o', '/dev/null', '-m', '1', `http://${host}:${port}/`];
}

/** Which of the two clients get an answer. */
async function whoGetsIn(address: string, port = 80): Promise<string[]> {
  const hosts = { [CLIENT]: 'client', [OTHER]: 'control' };
  const codes = await Promise.all(Object.values(hosts).map((host) => lab.exec(host, curl(address, port))));
  return Object.keys(hosts).filter((_, index) => codes[index]!.code === 0);
}

const getsIn = (address: string, ...clients: string[]) =>
  eventually(async () => expect(await whoGetsIn(address)).toEqual(clients));

/** The same of port 53, of an echo program that speaks lines. */
async function getsInBy(protocol: 'tcp' | 'udp', address: string, ...clients: string[]): Promise<void> {
  const talk = `exec 3<>/dev/${protocol}/${address}/53; echo hi >&3; timeout 1 head -c 2 <&3`;
  const hosts = { [CLIENT]: 'client', [OTHER]: 'control' };
  await eventually(async () => {
    const asked = Object.values(hosts).map((host) => lab.exec(host, ['timeout', '2', 'bash', '-c', talk]));
    const answers = await Promise.all(asked);
    expect(Object.keys(hosts).filter((_, index) => answers[index]!.stdout.length === 2)).toEqual(clients);
  });
}

/** The event that tells a user why a change is refused. */
const toldWhy = (name: string, why: RegExp) =>
  eventually(async () => {
    const warnings = (await cluster.events(name)).filter(({ type }) => type === 'Warning');
    expect(warnings.map(({ message }) => message).join(' ')).toMatch(why);
  });

describe('loadBalancerSourceRanges', () => {
  it('let in those whom they name, and nobody else, until they are empty again', async () => {
    await cluster.apply(ranged('ranged', [OTHER, 'fd00::/8']));
    const address = await cluster.address('ranged');
    await getsIn(address, OTHER);
    await cluster.apply(ranged('ranged', [CLIENT]));
    await getsIn(address, CLIENT);
    await cluster.apply(ranged('ranged', [CLIENT, '10.9.0.0/28']));
    await getsIn(address, CLIENT, OTHER);
    await cluster.apply(ranged('ranged', ['fd00::/8']));
    await getsIn(address);
    await cluster.apply(ranged('ranged', ['0.0.0.0/0']));
    await getsIn(address, CLIENT, OTHER);
    await cluster.apply(ranged('ranged', []));
    await getsIn(address, CLIENT, OTHER);
    expect(await cluster.address('ranged')).toBe(address);
  });

  it('are taken from the annotation of old, unless the field has some', async () => {
    await cluster.apply(ranged('old', [], { [OLD_NAME]: ` ${OTHER} , 192.0.2.0/24 ` }));
    const address = await cluster.address('old');
    await getsIn(address, OTHER);
    await cluster.apply(ranged('old', [CLIENT], { [OLD_NAME]: OTHER }));
    await getsIn(address, CLIENT);
    expect(await cluster.address('old')).toBe(address);
    await cluster.kubectl(['delete', 'service', 'old', '--timeout=20s']);
  });

  it('count for the address of their own family: one that is not named is closed to everyone', async () => {
    const dual = (...loadBalancerSourceRanges: string[]) =>
      cluster.apply(
        loadBalancerService('dual', 'web', {
          ipFamilyPolicy: 'RequireDualStack',
          ports: [HTTP, LINES],
          loadBalancerSourceRanges,
        }),
      );
    const [client6, other6] = [lab.site.client.address6!, lab.site.control.address6!];
    await dual(CLIENT, `${other6}/128`);
    await cluster.address('dual');
    const [ipv4, ipv6] = (await cluster.service('dual')).status.loadBalancer.ingress!.map(({ ip }) => ip) as [
      string,
      string,
    ];
    await getsIn(ipv4, CLIENT);
    await getsIn(ipv6, OTHER);
    await dual('::/0');
    await getsIn(ipv4);
    await getsIn(ipv6, CLIENT, OTHER);
    const hold = prober.hold({ address: ipv6, port: 9000 });
    await eventually(async () => expect((await hold.report()).open).toBe(1));
    await dual('0.0.0.0/0');
    await getsIn(ipv4, CLIENT, OTHER);
    await getsIn(ipv6);
    await eventually(async () => expect((await hold.report()).open).toBe(0), 5);
    await hold.stop();
    await dual(`${client6}/128`, '10.9.0.0/28');
    await getsIn(ipv4, OTHER);
    await getsIn(ipv6, CLIENT);
    await cluster.kubectl(['delete', 'service', 'dual', '--timeout=20s']);
  });

  it('hold for UDP as for TCP, beside another Service on the same port of one address, and stop a flow at once', async () => {
    await cluster.apply(dnsDeployment('dns', 2));
    await cluster.rolledOut('dns');
    const dns = (name: string, protocol: string, ranges: readonly string[]) => {
      const ports = [{ name: 'dns', port: 53, protocol, targetPort: 5353 }];
      const service = loadBalancerService(name, 'dns', { ports, loadBalancerSourceRanges: ranges });
      return { ...(service as object), metadata: { name, annotations: { 'fairlead.dev/sharing-key': 'dns' } } };
    };
    await cluster.apply(dns('dns-udp', 'UDP', [CLIENT]), dns('dns-tcp', 'TCP', [OTHER]));
    const address = await cluster.address('dns-udp');
    expect(await cluster.address('dns-tcp')).toBe(address);
    const hold = prober.hold({ address, port: 53, udp: true, connections: 2, intervalMs: 20 });
    await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(5));
    await getsInBy('tcp', address, OTHER);
    await getsInBy('udp', address, CLIENT);
    await cluster.apply(dns('dns-udp', 'UDP', [OTHER]));
    await getsInBy('udp', address, OTHER);
    const before = await hold.report();
    await sleep(500);
    expect((await hold.stop()).lines).toBe(before.lines);
    await cluster.kubectl(['delete', 'service', 'dns-udp', 'dns-tcp', '--timeout=20s']);
  });

  it('cut off at once, in the middle of a connection, whom an edit shuts out, and nobody else', async () => {
    const edited = async (ranges: readonly string[]) => {
      await cluster.apply(ranged('ranged', ranges));
    };
    await edited(['10.9.0.0/24']);
    const address = await cluster.address('ranged');
    const workers = await haproxyWorkers(lab);
    await getsIn(address, CLIENT, OTHER);
    const hold = prober.hold({ address, port: 9000, connections: 3 });
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await eventually(async () => expect((await hold.report()).open).toBe(3));
    for (const ranges of [[CLIENT, OTHER], ['10.9.0.96/27'], [CLIENT], ['10.9.0.0/16']]) await edited(ranges);
    expect(await hold.report()).toMatchObject({ open: 3, broken: [] });
    expect((await probe.stop()).failures).toEqual({});

    await edited([OTHER]);
    await eventually(async () => expect((await hold.report()).open).toBe(0), 5);
    await hold.stop();
    await getsIn(address, OTHER);
    expect(await haproxyWorkers(lab)).toEqual(workers);
  });

  it('with one that cannot be read change nothing: the event names it and its rule, and what was served goes on', async () => {
    await cluster.apply(ranged('ranged', [CLIENT]));
    const address = await cluster.address('ranged');
    await getsIn(address, CLIENT);
    await cluster.apply(ranged('ranged', ['10.9.0.0/24', '10.9.0.1/24']));
    await toldWhy(
      'ranged',
      /loadBalancerSourceRanges\[1\]: 10\.9\.0\.1\/24 has host bits set: did you mean 10\.9\.0\.0\/24\?/,
    );
    expect((await cluster.condition('ranged', 'Accepted', 'False')).reason).toBe('InvalidSourceRange');
    expect(await whoGetsIn(address)).toEqual([CLIENT]);
    await cluster.apply(ranged('ranged', [CLIENT]));
    await cluster.condition('ranged', 'Accepted', 'True');
  });

  it('hold 5,000 of them', async () => {
    const many = Array.from({ length: 4_999 }, (_, index) => `172.16.${index >> 8}.${index & 255}/32`);
    await cluster.apply(ranged('many', [...many, OTHER]));
    const address = await cluster.address('many', 30);
    await getsIn(address, OTHER);
    await cluster.kubectl([
      'patch',
      'service',
      'many',
      '--type=json',
      '-p',
      JSON.stringify([{ op: 'replace', path: '/spec/loadBalancerSourceRanges/4999', value: CLIENT }]),
    ]);
    await getsIn(address, CLIENT);
    for (const { name } of lab.site.machines) {
      const list = await lab.must(name, ['nft', 'list', 'set', 'inet', 'fairlead', 'ok4']);
      expect(list.match(new RegExp(`${address} \\. tcp \\. 80 \\. `, 'g'))).toHaveLength(5_000);
    }
    await cluster.kubectl(['delete', 'service', 'many', '--timeout=30s']);
  });

  it('hold on the machine that takes the address over', async () => {
    await cluster.apply(ranged('ranged', [OTHER]));
    const address = await cluster.address('ranged');
    await getsIn(address, OTHER);
    const [owner] = await ownersOf(lab, address);
    await lab.halt(owner!);
    try {
      await eventually(async () =>
        expect((await ownersOf(lab, address)).filter((each) => each !== owner)).toHaveLength(1),
      );
      await getsIn(address, OTHER);
    } finally {
      await lab.boot(owner!);
    }
  });

  it('leave nothing on any machine when the Service goes', async () => {
    const address = await cluster.address('ranged');
    await cluster.kubectl(['delete', 'service', 'ranged', '--timeout=20s']);
    await eventually(async () => {
      for (const machine of lab.site.machines) expect(await tracesOf(lab, machine.name, address)).toEqual([]);
    }, 30);
  });
});

describe('fairlead.dev/sharing-key', () => {
  const sharing = (name: string, port: number, more: { namespace?: string; key?: string; ip?: string } = {}) => {
    const spec = { ports: [{ name: 'http', port, targetPort: 'http' }] };
    const service = loadBalancerService(name, 'web', spec) as { metadata: object };
    const annotations = {
      ...(more.key === '' ? {} : { 'fairlead.dev/sharing-key': more.key ?? 'web' }),
      ...(more.ip === undefined ? {} : { 'fairlead.dev/ip': more.ip }),
    };
    const namespace = more.namespace === undefined ? {} : { namespace: more.namespace };
    return { ...service, metadata: { ...service.metadata, annotations, ...namespace } };
  };
  const answers = (address: string, port: number) =>
    eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}:${port}/`]));

  it('has Services share an address, each on its own ports, until the last of them goes', async () => {
    await cluster.apply(sharing('one', 8081));
    const address = await cluster.address('one');
    await cluster.apply(sharing('two', 8082));
    expect(await cluster.address('two')).toBe(address);
    for (const port of [8081, 8082]) await answers(address, port);
    for (const name of ['one', 'two']) {
      for (const type of ['Accepted', 'AddressAllocated', 'Programmed']) await cluster.condition(name, type, 'True');
    }
    expect((await lab.fairlead(['get', 'vippools', '-o', 'wide'])).match(/default.*/)?.[0]).toContain(' 1 ');

    const probe = prober.probe({ address, port: 8082, httpPath: '/' });
    await cluster.kubectl(['delete', 'service', 'one', '--timeout=20s']);
    await eventually(async () => expect((await lab.exec('client', curl(address, 8081))).code).toBe(7));
    expect((await probe.stop()).failures).toEqual({});
    await cluster.kubectl(['delete', 'service', 'two', '--timeout=20s']);
    await eventually(async () => {
      for (const machine of lab.site.machines) expect(await tracesOf(lab, machine.name, address)).toEqual([]);
    });
  });

  it('refuses a port that another has, by the name of the other, and gives it when it is free', async () => {
    await cluster.apply(sharing('holder', 8081));
    const address = await cluster.address('holder');
    await cluster.apply(sharing('second', 8081));
    const { reason, message } = await cluster.condition('second', 'AddressAllocated', 'False');
    expect({ reason, message }).toMatchObject({ reason: 'AddressPortTaken' });
    expect(message).toMatch(/TCP\/8081 of [\d.]+ is taken by lab\/default\/holder/);
    await toldWhy('second', /taken by lab\/default\/holder/);
    expect((await cluster.service('second')).status.loadBalancer.ingress ?? []).toEqual([]);

    await cluster.apply(sharing('holder', 8083));
    expect(await cluster.address('second')).toBe(address);
    await answers(address, 8081);
    await answers(address, 8083);

    await cluster.apply(sharing('second', 8083));
    await toldWhy('second', /TCP\/8083/);
    await answers(address, 8081);
    await cluster.kubectl(['delete', 'service', 'second', '--timeout=20s']);
  });

  it('lets nobody in without the same key, or from another namespace unless the pool says so', async () => {
    const address = await cluster.address('holder');
    await cluster.apply(sharing('keyless', 8084, { key: '', ip: address }));
    await toldWhy('keyless', new RegExp(`${address} is held by lab/default/holder`));
    await cluster.kubectl(['create', 'namespace', 'elsewhere']);
    await cluster.apply(sharing('far', 8085, { namespace: 'elsewhere', ip: address }));
    const far = async () =>
      JSON.parse(await cluster.kubectl(['get', 'service', 'far', '-n', 'elsewhere', '-o', 'json'])) as Service;
    await eventually(async () => {
      const { conditions } = (await far()).status;
      expect(JSON.stringify(conditions)).toContain('another namespace');
    });
    const site = '/etc/fairlead/site.yaml';
    const before = await lab.readFile('cloudagent', site);
    const after = before.replace(/(kind: VipPool\n[^]*?\n {2}network: lan\n)/, '$1  sharing: cluster\n');
    expect(after).not.toBe(before);
    await lab.writeFile('cloudagent', site, after);
    await eventually(async () => expect((await far()).status.loadBalancer.ingress?.[0]?.ip).toBe(address));
    await cluster.kubectl(['delete', 'service', 'keyless', 'holder', '--timeout=20s']);
    await cluster.kubectl(['delete', 'service', 'far', '-n', 'elsewhere', '--timeout=20s']);
  });
});
