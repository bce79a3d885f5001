import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { MACHINES, resource, SHOWN } from '../testing/fake-site.ts';
import type { FakeSite } from '../testing/fake-site.ts';
import { withFakeSite } from '../testing/with-fake-site.ts';

let site: FakeSite;
withFakeSite((started) => {
  site = started;
});

describe('get', () => {
  test('prints tables as kubectl does', async () => {
    expect((await site.run('get vp')).out).toBe(
      'NAME      NETWORK   RANGES                        TOTAL   FREE   HELD   RESTING\n' +
        'default   lan       192.168.0.150-192.168.0.215   66      63     2      1\n',
    );
    expect((await site.run('get Machines')).out).toBe(
      'NAME   SET       ADDRESS     STATUS         OWNS\n' +
        'lb-1   default   10.0.0.20   Ready          default\n' +
        'lb-2   default   10.0.0.21   NotConnected   <none>\n',
    );
    expect((await site.run('get cluster.fairlead.dev/prod --no-headers')).out).toBe(
      'prod   default   192.168.0.156:6443   2   2   controller-1\n',
    );
    expect((await site.run('get machine lb-2 -o wide --no-headers')).out).toMatch(
      / connection refused; its clock is 90 s late: set it +<none>\n$/,
    );
    expect((await site.run('get lb registry -o wide')).out).toBe(
      'NAME       SET       ADDRESS         PORTS     BACKENDS   STATUS    DRAINING    MESSAGE   DECLARED IN\n' +
        'registry   default   192.168.0.158   443/TCP   1/1        Pending   a 3 (12s)   <none>    <none>\n',
    );
  });

  test('several kinds are several tables, with kinds before the names', async () => {
    const { out } = await site.run('get vp,lb');
    expect(out.split('\n\n').map((table) => table.split('\n')[1]?.split(' ')[0])).toEqual([
      'vippool/default',
      'loadbalancer/registry',
    ]);
    expect((await site.run('get all -o name')).out).toBe(
      ['vippool', 'machine', 'machine', 'cluster', 'loadbalancer']
        .map((kind, index) => `${kind}.fairlead.dev/${['default', 'lb-1', 'lb-2', 'prod', 'registry'][index]}\n`)
        .join(''),
    );
  });

  test('-o json and -o yaml give one as it is and several as a List', async () => {
    const one = await site.run('get vippool default -o yaml');
    expect(parse(one.out)).toEqual({
      apiVersion: 'fairlead.dev/v1',
      kind: 'VipPool',
      metadata: { name: 'default' },
      spec: { network: 'lan', ranges: ['192.168.0.150-192.168.0.215'] },
    });
    const all = JSON.parse((await site.run('get machines -o json')).out) as { kind: string; items: unknown[] };
    expect([all.kind, all.items.length]).toEqual(['List', 2]);
  });

  test('what is there is printed, what is not is told, and the exit code is 1', async () => {
    const { code, out, err } = await site.run('get machines lb-1 lb-9');
    expect([code, out.includes('lb-1'), err]).toEqual([1, true, 'error: machines "lb-9" not found\n']);
    expect(await site.run('get networks')).toEqual({ code: 0, out: '', err: 'No resources found.\n' });
  });

  test('services are those that controllers ask for', async () => {
    expect((await site.run('get svc')).out).toBe(
      'CLUSTER   NAMESPACE   NAME    ADDRESS         PORTS            BACKENDS   STATUS\n' +
        'prod      shop        back    <none>          80/TCP           0/0        Refused\n' +
        'prod      shop        front   192.168.0.157   80/TCP,443/TCP   1/2        Serving\n',
    );
    expect((await site.run('get svc shop/front --no-headers')).out).toMatch(/^prod +shop +front +192/);
    expect(await site.run('get svc x')).toMatchObject({ code: 1, err: 'error: services "x" not found\n' });
  });

  test('-w prints what there is, then changes only, and ends when it is stopped', async () => {
    const stopping = new AbortController();
    const changed = resource('Machine', 'lb-2', { loadBalancerSet: 'other', agentAddress: '10.0.0.21' });
    let connections = 0;
    site.watch = async function* watch() {
      connections += 1;
      for (const machine of MACHINES) yield { upserted: machine };
      yield { initialStateSent: {} };
      yield { upserted: MACHINES[0]! };
      if (connections === 1) return;
      yield { upserted: changed };
      yield { removedName: 'lb-1' };
    };
    let lines = 0;
    const onOut = (text: string) => {
      lines += text.split('\n').length - 1;
      if (lines === 5) stopping.abort();
    };
    const { code, out } = await site.run('get machines -w', { stopping: stopping.signal, onOut });
    expect([code, connections]).toEqual([0, 2]);
    expect(out).toBe(
      'NAME   SET       ADDRESS     STATUS         OWNS\n' +
        'lb-1   default   10.0.0.20   Ready          default\n' +
        'lb-2   default   10.0.0.21   NotConnected   <none>\n' +
        'lb-2   other     10.0.0.21   NotConnected   <none>\n' +
        'lb-1   <deleted>\n',
    );
  });
});

describe('one resource in full', () => {
  test('a pool: what was written, how full it is, who holds what', async () => {
    expect((await site.run('describe vippool default')).out).toBe(
      [
        'Name:            default',
        'Kind:            VipPool',
        'Labels:          <none>',
        'Declared in:     site.yaml',
        'Spec:',
        '  network: lan',
        '  ranges:',
        '    - 192.168.0.150-192.168.0.215',
        'Total:           66',
        'Free:            63',
        'Held:            2',
        'Resting:         1',
        'Held by:',
        '  192.168.0.156   prod/control-plane',
        '  192.168.0.157   prod/shop/front',
        '  192.168.0.158   registry',
        '',
      ].join('\n'),
    );
  });

  test('a Service: its machines and backends, or why it has no address', async () => {
    const { out } = await site.run('describe service shop/front');
    expect(out).toContain('Backends:\n  node-1   10.0.0.101:30080   up\n  node-2   10.0.0.102:30080   down\n');
    expect(out).toContain('Machines:\n  lb-1   applied         owner\n  lb-2   not connected\n');
    expect((await site.run('describe svc back')).out).toMatch(/Message: +no free IPv4 address: pool default is full\n/);
  });

  test('a machine that is lost says why, and what was found on it', async () => {
    const { out } = await site.run('describe machine/lb-2');
    expect(out).toMatch(/Error: +connection refused\n/);
    expect(out).toContain('Findings:\n  its clock is 90 s late: set it\n');
  });

  test('one that is not there is an error that says how to look', async () => {
    expect(await site.run('describe cluster test')).toMatchObject({
      code: 1,
      err: 'error: clusters "test" not found: `fairlead get clusters` lists what there is\n',
    });
  });
});

test('a machine that has found something to act on is not called Ready, and says what it is', async () => {
  const finding = 'keepalived does not stay up (ended with code 1)';
  const [first, ...others] = SHOWN.machines!;
  site.show = { ...SHOWN, machines: [{ ...first!, findings: [finding] }, ...others] };
  expect((await site.run('get machine lb-1')).out).toContain('Degraded   default');
  const described = (await site.run('describe machine lb-1')).out;
  expect(described).toMatch(/Status: +Degraded\n/);
  expect(described).toContain(`Findings:\n  ${finding}\n`);
  expect((await site.run('show')).out).toMatch(
    /lb-1 +10.0.0.20:7430 +default +Degraded +owns default\n[^]*! lb-1: keepalived/,
  );
});

test('show puts the site on one screen', async () => {
  expect((await site.run('show')).out).toBe(`Site lab, epoch 3, generation 128
  ! nothing can be stored in /var/lib/fairlead/cloudagent.db, its disk is full: make room there

Machines
  lb-1   10.0.0.20:7430   default   Ready          owns default
  lb-2   10.0.0.21:7430   default   NotConnected   connection refused
  ! lb-2: its clock is 90 s late: set it

Clusters
  prod   2 nodes   1 of 2 Services serving   controller controller-1

Load balancers
  prod/control-plane  192.168.0.156  6443/TCP  Serving
    -> no backend
  prod/shop/back  no address  80/TCP  Refused
    ! no free IPv4 address: pool default is full
    -> no backend
  prod/shop/front  192.168.0.157  80/TCP 443/TCP  Serving
    on lb-1 (owner), lb-2 (not connected)
    -> up    node-1 10.0.0.101:30080
    -> down  node-2 10.0.0.102:30080
  registry  192.168.0.158  443/TCP  Pending
    -> up    a 10.0.0.5:8443

Pools
  default   63 of 66 addresses free   2 held, 1 resting
`);
  expect((await site.run('show front')).out).not.toContain('registry');
  expect(JSON.parse((await site.run('show -o json')).out)).toMatchObject({ site: 'lab', pools: [{ free: '63' }] });
});
