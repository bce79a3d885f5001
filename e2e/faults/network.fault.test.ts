import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { PORTS } from '../lab/site/apps.ts';
import type { SiteHost } from '../lab/site/plan.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { ownersOf } from '../tests/machines.ts';
import { followAppliedVersions } from './applied-versions.ts';
import { loseNothing, losePackets, moveBack, moveFarAway } from './bad-network.ts';
import { startChurn } from './churn.ts';
import { readMetrics } from './metrics.ts';
import { faultSettings } from './settings.ts';

/** How long each disturbance lasts. */
const { badNetworkSeconds } = faultSettings(process.env, 0);

let lab: Lab;
let cluster: Cluster;
let prober: Prober;
let address: string;
beforeAll(async () => {
  lab = await startLab({ name: `network-${process.pid}`, kubernetes: kubernetes() });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 3), loadBalancerService('calm', 'web'));
  await cluster.rolledOut('web');
  address = await cluster.address('calm', 30);
  await expectHolds(lab, { seconds: 30 });
  prober = await lab.startProber();
});
afterAll(async () => {
  await lab?.down();
});
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0)) await each();
});

/** The machine that owns the addresses, and the other one. */
async function roles(): Promise<{ owner: SiteHost; standby: SiteHost }> {
  const [owner] = await ownersOf(lab, address);
  const [first, second] = lab.site.machines;
  return owner === first!.name ? { owner: first!, standby: second! } : { owner: second!, standby: first! };
}

interface Disturbance {
  readonly machine: SiteHost;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  /** While it lasts and Services change. */
  readonly meanwhile?: () => Promise<unknown>;
}

/**
 * A disturbance while Services come and go. Afterwards the oracle must hold, and the machine must never have gone back to
 * an older state. Returns what a client saw.
 */
async function disturb({ machine, begin, end, meanwhile }: Disturbance) {
  const versions = followAppliedVersions(lab, machine);
  const probe = prober.probe({ address, port: 80, httpPath: '/', intervalMs: 20 });
  const churn = startChurn(lab, { app: 'web' });
  const watching = [() => churn.stop(), () => versions.stop(), () => probe.stop()];
  undo.push(end, ...watching);
  await begin();
  const began = performance.now();
  await meanwhile?.();
  await sleep(Math.max(0, badNetworkSeconds * 1000 - (performance.now() - began)));
  const lag = await lagOf(machine);
  undo.length = 0;
  undo.push(...watching);
  await end();
  const back = performance.now();
  await eventually(async () => expect(await connected(machine)).toBe(1), 20);
  const reached = Math.round(performance.now() - back);
  await sleep(1_000);
  const changes = await churn.stop();
  await expectHolds(lab, { seconds: 30 });
  const stepsBack = await versions.stop();
  const { attempts, failed, failures, longestOutageMs } = await probe.stop();
  const told = { changes, lag, reachedAgainMs: reached, prober: { attempts, failed, failures, longestOutageMs } };
  console.log(`${expect.getState().currentTestName}: ${JSON.stringify(told)}`);
  undo.length = 0;
  expect(changes.duplicates).toEqual([]);
  expect(stepsBack).toEqual([]);
  return { lag, failed, failures };
}

async function cloudagentSays(metric: string, machine: SiteHost): Promise<number> {
  const metrics = await readMetrics(lab, lab.site.cloudagent, PORTS.metrics);
  return metrics.get(`${metric}{machine="${machine.name}",set="${lab.site.loadBalancerSet}"}`) ?? Number.NaN;
}

const lagOf = (machine: SiteHost): Promise<number> => cloudagentSays('fairlead_machine_lag_generations', machine);
const connected = (machine: SiteHost): Promise<number> => cloudagentSays('fairlead_machine_connected', machine);

/** Makes a Service and waits until it has an address; milliseconds. */
async function publish(name: string, seconds = 15): Promise<number> {
  const began = performance.now();
  await cluster.apply(loadBalancerService(name, 'web'));
  await cluster.address(name, seconds);
  return Math.round(performance.now() - began);
}

it('a standby that the cloudagent cannot reach holds up nobody', async () => {
  const { standby: machine } = await roles();
  const { lag, failures } = await disturb({
    machine,
    begin: () => losePackets(lab, machine.name, 'control connection', 100),
    end: () => loseNothing(lab, machine.name),
    meanwhile: async () => console.log(`published after ${await publish('past-a-cut-standby')} ms`),
  });
  expect(lag).toBeGreaterThan(0);
  expect(failures).toEqual({});
});

it('an owner that the cloudagent cannot reach serves on; Services that are new or changed name it and the cause, and what they say to do helps', async () => {
  const { owner: machine } = await roles();
  await publish('changed-past-a-cut-owner');
  const { lag, failures } = await disturb({
    machine,
    begin: () => losePackets(lab, machine.name, 'control connection', 100),
    end: () => loseNothing(lab, machine.name),
    meanwhile: async () => {
      // Before the cloudagent has noticed: what it waits for then is not what it says in the end.
      await cluster.apply(
        loadBalancerService('past-a-cut-owner', 'web'),
        loadBalancerService('changed-past-a-cut-owner', 'web', { ports: [{ port: 81, targetPort: 'http' }] }),
      );
      const told = await eventually(async () => {
        const condition = await cluster.condition('past-a-cut-owner', 'Programmed', 'False');
        expect(condition).toMatchObject({ reason: 'OwnerUnreachable' });
        return condition.message;
      }, 20);
      expect(told).toMatch(new RegExp(`^machine ${machine.name} owned .*: ${machine.name} \\(.+\\); mend that, or`));
      expect(told).toContain(`\`lbagent stop-serving\` on ${machine.name}`);
      await eventually(async () => {
        const warnings = (await cluster.events('past-a-cut-owner')).filter(({ type }) => type === 'Warning');
        expect(warnings.map(({ message }) => message)).toContain(told);
      });
      const changed = await cluster.condition('changed-past-a-cut-owner', 'Programmed', 'False');
      expect(changed).toMatchObject({
        reason: 'OwnerUnreachable',
        message: `it is served as it was before its last change: ${told}`,
      });
      await serving(machine, 'stop');
      console.log(`published: ${await cluster.address('past-a-cut-owner')}`);
      await cluster.condition('changed-past-a-cut-owner', 'Programmed', 'True');
      const address = await cluster.address('changed-past-a-cut-owner');
      await eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}:81/`]));
      await serving(machine, 'resume');
    },
  });
  expect(lag).toBeGreaterThan(0);
  expect(failures).toEqual({});
});

function serving({ name }: SiteHost, word: 'stop' | 'resume'): Promise<string> {
  return lab.must(name, [process.execPath, lab.apps.lbagent, `${word}-serving`, '--run-dir', '/run/fairlead']);
}

it('an owner that is cut off wholly is replaced, and brings back nothing old', async () => {
  const { owner: machine } = await roles();
  let late: ReturnType<Prober['probe']> | undefined;
  await disturb({
    machine,
    begin: () => lab.cut(machine.name),
    end: () => lab.heal(machine.name),
    meanwhile: async () => {
      await eventually(async () => expect(await connected(machine)).toBe(0), 10);
      console.log(`published after ${await publish('meanwhile')} ms`);
      const target = { address: await cluster.address('meanwhile'), port: 80, httpPath: '/', intervalMs: 20 };
      await eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${target.address}/`]));
      late = prober.probe(target);
    },
  });
  const { attempts, failures, longestOutageMs } = await late!.stop();
  console.log(`an address given meanwhile: ${JSON.stringify({ attempts, failures, longestOutageMs })}`);
});

it('a standby that loses every third packet holds up nobody', async () => {
  const { standby: machine } = await roles();
  await disturb({
    machine,
    begin: () => losePackets(lab, machine.name, 'all', 30),
    end: () => loseNothing(lab, machine.name),
    meanwhile: async () => console.log(`published after ${await publish('past-a-lossy-standby')} ms`),
  });
  expect(await ownersOf(lab, address)).toHaveLength(1);
});

it('an owner that loses every third packet of its control connection gets every change', async () => {
  const { owner: machine } = await roles();
  const { failures } = await disturb({
    machine,
    begin: () => losePackets(lab, machine.name, 'control connection', 30),
    end: () => loseNothing(lab, machine.name),
  });
  expect(failures).toEqual({});
});

it('a machine half a second away holds up nobody for longer than that takes', async () => {
  const { standby: machine } = await roles();
  const { failures } = await disturb({
    machine,
    begin: async () => {
      await moveFarAway(lab, machine, 500);
      await eventually(async () => expect(await connected(machine)).toBe(1), 20);
    },
    end: () => moveBack(lab, machine.name),
    meanwhile: async () => console.log(`published after ${await publish('past-a-far-standby')} ms`),
  });
  expect(failures).toEqual({});
});
