import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers, ownersOf } from './machines.ts';

/** Generous: the figures are in the bench. */
const CEILING_MS = 2000;

let lab: Lab;
let prober: Prober;
let address: string;
beforeAll(async () => {
  lab = await startLab({ name: `failover-${process.pid}` });
  prober = await lab.startProber();
  address = await eventually(async () => {
    const text = await lab.fairlead(['get', 'loadbalancer', 'web', '-o', 'json']);
    const { status } = JSON.parse(text) as { status?: { state: string; addresses: string[] } };
    if (status?.state !== 'SERVING') throw new Error(text);
    return status.addresses[0]!;
  });
});
afterAll(async () => {
  await lab?.down();
});

function oneOwner(): Promise<string> {
  return eventually(async () => {
    const owners = await ownersOf(lab, address);
    if (owners.length !== 1) throw new Error(`${address} is held by ${owners.join(' and ') || 'nobody'}`);
    return owners[0]!;
  });
}

beforeEach(async () => {
  await oneOwner();
  await eventually(async () => {
    const screen = await lab.fairlead(['get', 'machines', '-o', 'wide']);
    const ready = lab.site.machines.every(({ name }) => new RegExp(`${name} .* Ready `).test(screen));
    if (!ready) throw new Error(`not every machine is ready: ${screen}`);
  }, 20);
});

interface Fault {
  readonly name: string;
  readonly strike: (owner: string) => Promise<unknown>;
  readonly mend: (owner: string) => Promise<unknown>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'the active machine is cut off the network',
    strike: (owner) => lab.cut(owner),
    mend: (owner) => lab.heal(owner),
  },
  {
    name: 'its haproxy is killed',
    strike: (owner) => lab.kill(owner, 'haproxy', 'KILL'),
    mend: async () => undefined,
  },
  {
    name: 'its haproxy stops answering',
    strike: (owner) => lab.kill(owner, 'haproxy', 'STOP'),
    mend: (owner) => lab.kill(owner, 'haproxy', 'CONT').catch(() => undefined),
  },
  {
    name: 'its lbagent and its haproxy are both killed',
    strike: async (owner) => {
      await lab.kill(owner, 'lbagent', 'KILL');
      await lab.kill(owner, 'haproxy', 'KILL');
    },
    mend: (owner) => lab.start(owner, 'lbagent'),
  },
];

it.each(FAULTS)(
  'the client is served again within 2 s when $name, and the return costs nothing',
  async ({ strike, mend }) => {
    const owner = await oneOwner();
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await sleep(300);
    await strike(owner);
    await sleep(4000);
    const struck = await probe.report({ reset: true });
    expect(struck.longestOutageMs).toBeLessThan(CEILING_MS);
    expect(struck.outages.filter(({ open }) => open)).toEqual([]);

    await mend(owner);
    await sleep(3000);
    const mended = await probe.stop();
    expect({ failed: mended.failed, failures: mended.failures }).toEqual({ failed: 0, failures: {} });
    await oneOwner();
  },
);

it('graceful stops hand over, again and again, without a failed or broken connection', async () => {
  const probe = prober.probe({ address, port: 80, httpPath: '/', intervalMs: 5 });
  const hold = prober.hold({ address, port: 9000, connections: 5, intervalMs: 10 });
  await sleep(300);
  for (let turn = 0; turn < 10; turn++) {
    const owner = await oneOwner();
    await serving(owner, 'stop');
    await eventually(async () => expect(await oneOwner()).not.toBe(owner));
    await sleep(300);
    await serving(owner, 'resume');
    await sleep(700);
  }
  const last = await oneOwner();
  await lab.must(last, stopKeepalived(last));
  await eventually(async () => expect(await oneOwner()).not.toBe(last));
  await sleep(500);
  const report = await probe.stop();
  expect({ failed: report.failed, failures: report.failures }).toEqual({ failed: 0, failures: {} });
  const held = await hold.stop();
  expect(held).toMatchObject({ connections: 5, open: 5, broken: [] });
  expect(held.longestStallMs).toBeLessThan(CEILING_MS);
});

it('killing and restarting lbagent alone fails nothing and reloads nothing', async () => {
  const owner = await oneOwner();
  const before = await haproxyWorkers(lab);
  const probe = prober.probe({ address, port: 80, httpPath: '/' });
  const hold = prober.hold({ address, port: 9000, connections: 3 });
  await sleep(300);
  await lab.kill(owner, 'lbagent', 'KILL');
  await sleep(1000);
  await lab.start(owner, 'lbagent');
  await sleep(1500);
  const report = await probe.stop();
  expect({ failed: report.failed, failures: report.failures }).toEqual({ failed: 0, failures: {} });
  expect((await hold.stop()).broken).toEqual([]);
  expect(await haproxyWorkers(lab)).toEqual(before);
  expect(await oneOwner()).toBe(owner);
});

it('a standby whose keepalived cannot run is told of before it is needed, and no more once it can', async () => {
  const owner = await oneOwner();
  const { name, address: machine } = lab.site.machines.find((each) => each.name !== owner)!;
  const up = async () => /^fairlead_keepalived_up\S* (\d)$/m.exec(await metricsOf(machine))?.[1];
  expect(await up()).toBe('1');
  const pidFile = `/run/lab/${name}/run/fairlead/keepalived.pid`;
  const program = (await lab.must(name, ['sh', '-c', `readlink /proc/$(cat ${pidFile})/exe`])).trim();
  // Seen by this machine alone.
  await lab.must(name, ['mount', '--bind', '/bin/false', program]);
  await lab.kill(name, 'keepalived', 'KILL');
  await eventually(async () => {
    expect(await lab.fairlead(['get', 'machine', name])).toMatch(new RegExp(`^${name} .* Degraded `, 'm'));
    expect(await lab.fairlead(['show'])).toMatch(
      new RegExp(`! ${name}: keepalived does not stay up \\(.*, so this machine`),
    );
    expect(await lab.fairlead(['describe', 'machine', name])).toContain('keepalived does not stay up');
    expect(await up()).toBe('0');
  });
  await lab.must(name, ['umount', program]);
  await eventually(async () => {
    expect(await lab.fairlead(['get', 'machine', name])).toMatch(new RegExp(`^${name} .* Ready `, 'm'));
    expect(await up()).toBe('1');
  }, 40);
  expect(await oneOwner()).toBe(owner);
});

it('a machine that reboots with everything else dead serves everything from its own disk', async () => {
  const [first, second] = lab.site.machines.map(({ name }) => name) as [string, string];
  await lab.kill('cloudagent', 'cloudagent', 'KILL');
  await lab.halt(second);
  await lab.reboot(first);
  await eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}/`]), 15);
  const seen = new Set<string>();
  await eventually(async () => {
    seen.add((await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`])).split(' ')[0]!);
    expect([...seen].sort()).toEqual(lab.site.nodes.map(({ name }) => name).sort());
  });
  await lab.boot(second);
  await lab.start('cloudagent', 'cloudagent');
  await oneOwner();
});

/** How an operator takes a machine out of service and back. */
function serving(machine: string, word: 'stop' | 'resume'): Promise<string> {
  return lab.must(machine, [process.execPath, lab.apps.lbagent, `${word}-serving`, '--run-dir', '/run/fairlead']);
}

function metricsOf(address: string): Promise<string> {
  return lab.must('client', ['curl', '-sf', `http://${address}:7431/metrics`]);
}

function stopKeepalived(machine: string): string[] {
  return ['sh', '-c', `kill -TERM $(cat /run/lab/${machine}/run/fairlead/keepalived.pid)`];
}
