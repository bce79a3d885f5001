import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CLUSTER, MACHINES, POOL, REGISTRY, resource, runLine, SHOWN, startFakeSite } from './testing/fake-site.ts';
import type { FakeSite } from './testing/fake-site.ts';

let site: FakeSite;
beforeAll(async () => {
  site = await startFakeSite();
});
afterAll(async () => await site.stop());
beforeEach(() => {
  site.asked.length = 0;
  Object.assign(site, { violations: [], show: SHOWN, resources: [POOL, ...MACHINES, CLUSTER, REGISTRY] });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(site.directory, name);
  await writeFile(path, text);
  return path;
}

describe('apply', () => {
  test('sends the documents of a file and says what each became', async () => {
    const path = await file('site.yaml', 'kind: VipPool\n');
    const { code, out } = await site.run(`apply -f ${path}`);
    expect([code, out.split('\n')[0]]).toEqual([0, 'vippool.fairlead.dev/default created']);
    expect(site.asked).toMatchObject([
      { request: { documents: [{ yaml: 'kind: VipPool\n', source: path }], dryRun: false } },
    ]);
  });

  test('reads standard input, and --dry-run says that nothing was changed', async () => {
    const { out } = await site.run('apply --dry-run -f -', { input: 'kind: X' });
    expect(out).toContain('vippool.fairlead.dev/default created (dry run)\n');
    expect(site.asked).toMatchObject([
      { request: { documents: [{ yaml: 'kind: X', source: 'stdin' }], dryRun: true } },
    ]);
  });

  test('prints every violation with file, line and field on standard error, and ends with 1', async () => {
    site.violations = [
      {
        source: 'site.yaml',
        line: 12,
        field: 'VipPool/default spec.ranges[0]',
        message: '10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?',
      },
      { source: 'site.yaml', line: 0, field: '', message: 'this is not valid YAML' },
      {
        source: 'site.yaml',
        line: 3,
        field: 'Network/lan',
        message: 'Network/lan is declared in x.yaml: change it there',
      },
    ];
    expect(await site.run('apply -f -', { input: 'x' })).toEqual({
      code: 1,
      out: '',
      err:
        'site.yaml:12: VipPool/default spec.ranges[0]: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?\n' +
        'site.yaml: this is not valid YAML\n' +
        'site.yaml:3: Network/lan is declared in x.yaml: change it there\n' +
        'error: nothing was applied: correct these 3 and apply again\n',
    });
  });

  test('a directory is read in order of name; one without documents, or a missing file, is a usage error', async () => {
    const missing = await site.run('apply -f /nowhere.yaml');
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('/nowhere.yaml cannot be read') });
    expect(await site.run('apply')).toMatchObject({
      code: 2,
      err: 'error: say which file: -f FILE, -f DIRECTORY or -f -\n',
    });
    expect(site.asked).toEqual([]);
  });
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
      'NAME       SET       ADDRESS         PORTS     BACKENDS   STATUS    MESSAGE   DECLARED IN\n' +
        'registry   default   192.168.0.158   443/TCP   1/1        Pending   <none>    <none>\n',
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

describe('delete', () => {
  test('by name, and by file in the order that leaves nothing hanging', async () => {
    expect((await site.run('delete machine lb-1')).out).toBe('machine.fairlead.dev/lb-1 deleted\n');
    const path = await file(
      'both.yaml',
      'kind: VipPool\nmetadata: {name: default}\n---\nkind: LoadBalancer\nmetadata: {name: registry}\n',
    );
    expect((await site.run(`delete -f ${path}`)).out).toBe(
      'loadbalancer.fairlead.dev/registry deleted\nvippool.fairlead.dev/default deleted\n',
    );
  });

  test('one that cannot go does not keep the others', async () => {
    expect(await site.run('delete machine busy lb-9 lb-1')).toEqual({
      code: 1,
      out: 'machine.fairlead.dev/lb-1 deleted\n',
      err: 'error: Machine/busy is used by somebody\nerror: machines "lb-9" not found\n',
    });
    expect(await site.run('delete machine lb-9 --ignore-not-found')).toEqual({ code: 0, out: '', err: '' });
  });

  test('nothing is deleted by kind alone', async () => {
    expect(await site.run('delete machines')).toMatchObject({
      code: 2,
      err: 'error: say which machine: fairlead delete machine NAME\n',
    });
    expect(site.asked).toEqual([]);
  });
});

describe('joining', () => {
  test('machines add prints the one command and nothing else on standard output', async () => {
    const { out, err } = await site.run('machines add lb-3 --set default');
    expect(out).toBe('echo fairlead1.machine | lbagent join\n');
    expect(err).toBe(
      'machine.fairlead.dev/lb-3 created, its address is 10.0.0.22\nRun this there, as root, once, within 24 h:\n',
    );
    expect(site.asked).toMatchObject([
      { request: { name: 'lb-3', loadBalancerSet: 'default', agentAddress: '', device: '' } },
    ]);
    expect((await site.run('machines add lb-3 --set default --address 10.0.0.9 --device eth1 -o json')).out).toContain(
      '"agentAddress": "10.0.0.9"',
    );
  });

  test('tokens create prints the token and nothing else on standard output', async () => {
    const { out, err } = await site.run('tokens create operator alice --role admin --lifetime 90m');
    expect([out, err]).toEqual([
      'fairlead1.operator\n',
      'Good once, for 1d: `fairlead login` reads it from standard input.\n',
    ]);
    expect(site.asked).toMatchObject([
      { request: { kind: 'operator', name: 'alice', role: 'admin', lifetimeSeconds: 5_400 } },
    ]);
    expect((await site.run('tokens create machine lb-1')).out).toBe('fairlead1.lbagent\n');
  });

  test.each([
    ['tokens create robot x', 'there is no token for "robot": write lbagent, controller or operator'],
    ['tokens create lbagent x --role admin', '--role is for operators: a lbagent has none'],
    ['tokens create lbagent x --lifetime 5', '--lifetime 5 is not a time span: write for example 1h'],
    [
      'tokens create operator x --role king',
      "error: option '--role <role>' argument 'king' is invalid. Write one of reader, operator, admin.",
    ],
    ['machines add x', "error: required option '--set <set>' not specified"],
  ])('%s is a usage error', async (line, message) => {
    const { code, err } = await site.run(line);
    expect([code, err.includes(message)]).toEqual([2, true]);
    expect(site.asked).toEqual([]);
  });
});

test('certificates list tells how long each one lasts', async () => {
  expect((await site.run('certificates list')).out).toBe(
    'IDENTITY                        EXPIRES IN   AGE\n' +
      'fairlead://lab/lbagent/lb-1     29d          1h\n' +
      'fairlead://lab/operator/alice   11h          1h\n',
  );
  expect(JSON.parse((await site.run('certs list -o json')).out)).toMatchObject([
    { notAfter: '2026-01-01T23:00:00.000Z' },
    {},
  ]);
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

test('version asks the cloudagent too, unless told not to', async () => {
  expect((await site.run('version')).out).toMatch(/^Client Version: \d+\.\d+\.\d+\nServer Version: 9\.9\.9\n$/);
  expect((await runLine('version --client')).out).toMatch(/^Client Version: [\d.]+\n$/);
});

describe('completion', () => {
  test.each([
    ['', 'apply'],
    ['get ', 'vippools'],
    ['delete ', 'machines'],
    ['get machine ', 'lb-2'],
    ['get machine --out', '--output'],
    ['get machine lb-1 -o ', 'wide'],
    ['machines ', 'add'],
    ['completion ', 'zsh'],
    ['tokens create operator alice --role ', 'admin'],
  ])('%j may go on with %s', async (words, candidate) => {
    const { out } = await site.run(`__complete -- ${words}`);
    expect(out.split('\n')).toContain(candidate);
  });

  test('a site that does not answer has no names, and that is no error', async () => {
    expect(await runLine('--socket /nowhere __complete -- get machine ')).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('when something is wrong', () => {
  test('an unknown command suggests the one that was meant', async () => {
    const { code, err } = await site.run('shw');
    expect([code, err]).toEqual([
      2,
      "error: unknown command 'shw'\n(Did you mean show?)\nRun `fairlead --help` for what there is.\n",
    ]);
  });

  test('an unknown kind lists those there are', async () => {
    expect(await site.run('get pods')).toMatchObject({ code: 2, err: expect.stringContaining('vippools (vp)') });
  });

  test('nobody logged in, no such socket, and nobody listening are told apart, with code 3', async () => {
    const environment = { FAIRLEAD_CONFIG: join(site.directory, 'none.yaml') };
    expect(await runLine('show', {}, environment)).toEqual({
      code: 3,
      out: '',
      err: `error: nobody is logged in (no ${site.directory}/none.yaml): run \`fairlead login\`, or use --socket PATH on the cloudagent's machine\n`,
    });
    expect(await runLine('--socket /nowhere show')).toMatchObject({
      code: 3,
      err: 'error: there is no socket /nowhere: is the cloudagent running on this machine?\n',
    });
    const dead = await file('dead.sock', '');
    const { code, err } = await runLine(`--socket ${dead} --request-timeout 1s show`);
    expect([code, err]).toEqual([
      3,
      `error: the cloudagent at ${dead} refuses connections: see that it runs, and that it listens there\n`,
    ]);
  });

  test('a token for a machine, and what is no token at all, are refused before anybody is asked', async () => {
    const environment = { FAIRLEAD_CONFIG: join(site.directory, 'config.yaml') };
    expect(await runLine('login', { input: 'hello' }, environment)).toMatchObject({
      code: 2,
      err: expect.stringContaining('this is not a join token'),
    });
  });

  test('--help has examples, goes to standard output and ends with 0', async () => {
    const { code, out, err } = await runLine('apply --help');
    expect([code, out.includes('Examples:\n  fairlead apply -f site.yaml'), err]).toEqual([0, true, '']);
  });
});
