import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Effect, SeenRequest } from '../forwarder/protocol.ts';
import { sleep } from '../lab/command.ts';
import { type ApiForwarder, startApiForwarder } from '../lab/forwarder-client.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Measurement } from '../lab/prober-client.ts';
import type { ProbeReport } from '../prober/protocol.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { observe } from '../oracle/observe.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { type Churn, startChurn } from './churn.ts';

const CALM = ['calm-1', 'calm-2', 'calm-3'];
const API_PORT = 6444;
const SERVICES = '/api/v1/services';
const NODES = '/api/v1/nodes';
/** A watch that says nothing for so long is begun again; the API server sends a bookmark every minute. */
const SILENCE_NOTICED_MS = 90_000;

let lab: Lab;
let cluster: Cluster;
let forwarder: ApiForwarder;
let churn: Churn | undefined;
let probe: Measurement<ProbeReport>;
let silentSince: number;
/** Of the Services that nobody changes. */
let versions: Record<string, string>;

beforeAll(async () => {
  const bringUp = kubernetes({
    apiPort: API_PORT,
    restartControllers: true,
    // Its watches are etcd's own then, and know of nothing that etcd has forgotten.
    apiServerFlags: ['--watch-cache-sizes=services#0'],
  });
  lab = await startLab({ name: `watch-${process.pid}`, kubernetes: bringUp });
  const ports = { listen: API_PORT, target: lab.site.cluster.port };
  forwarder = await startApiForwarder(lab, lab.site.control, ports);
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 3), ...CALM.map((name) => loadBalancerService(name, 'web')));
  await cluster.rolledOut('web');
  const address = await cluster.address(CALM[0]!, 30);
  await expectHolds(lab, { seconds: 30 });
  versions = await calmVersions();
  probe = (await lab.startProber()).probe({ address, port: 80, httpPath: '/', intervalMs: 20 });
  // For the test of it, which comes when it must have been noticed.
  if ((await forwarder.silenceWatches(NODES)) !== 1) throw new Error('there is no watch of nodes to be silenced');
  silentSince = performance.now();
});
beforeEach(untilSound);
afterEach(async () => {
  await churn?.stop();
});
afterAll(async () => {
  await lab?.down();
});

/** The controller takes a watch for sound, and forgets how often it has waited, after 5 s of it. */
const SOUND_MS = 6_000;

/** Resolves when no watch has been asked for for so long: what one test did to them is no matter of the next. */
async function untilSound(): Promise<void> {
  const watches = async () => (await forwarder.requests()).filter(({ watch }) => watch).length;
  for (let seen = -1, now = await watches(); seen !== now; now = await watches()) {
    seen = now;
    await sleep(SOUND_MS);
  }
}

async function calmVersions(): Promise<Record<string, string>> {
  const services = await Promise.all(CALM.map((name) => cluster.service(name)));
  return Object.fromEntries(services.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

/** While Services come and go, `disturb`; then the site must be as it should, and the Services that nobody changed untouched. */
async function underChurn<T>(disturb: () => Promise<T>): Promise<T> {
  const from = (await forwarder.requests()).length;
  const began = performance.now();
  churn = startChurn(lab, { app: 'web' });
  const answer = await disturb();
  const report = await churn.stop();
  await forwarder.use();
  await expectHolds(lab, { seconds: 45 });
  const writes = serviceWrites((await forwarder.requests()).slice(from));
  const most = Math.max(0, ...writes.values());
  const total = [...writes.values()].reduce((sum, each) => sum + each, 0);
  console.log(
    `${expect.getState().currentTestName}: ${JSON.stringify(report)}, ${total} writes to ${writes.size} Services (at most ${most} to one), ${Math.round(performance.now() - began)} ms`,
  );
  expect(report.duplicates).toEqual([]);
  expect(report.created).toBeGreaterThan(5);
  expect(await calmVersions()).toEqual(versions);
  // A word while it waits, status, its port changed, perhaps twice; and the finalizer's removal.
  expect(most).toBeLessThanOrEqual(6);
  return answer;
}

/** Writes that were accepted, by Service. */
function serviceWrites(requests: readonly SeenRequest[]): Map<string, number> {
  const writes = new Map<string, number>();
  for (const { method, path, status } of requests) {
    const name = /^\/api\/v1\/namespaces\/[^/]+\/services\/([^/]+)/.exec(path)?.[1];
    if (name === undefined || method === 'GET' || status < 200 || status > 299) continue;
    writes.set(name, (writes.get(name) ?? 0) + 1);
  }
  return writes;
}

/** What was asked while `act` ran. */
async function requestsDuring(act: () => Promise<unknown>): Promise<readonly SeenRequest[]> {
  const from = (await forwarder.requests()).length;
  await act();
  return (await forwarder.requests()).slice(from);
}

const asks = (path: string, watch: boolean) => (seen: SeenRequest) =>
  seen.method === 'GET' && seen.path === path && seen.watch === watch;

/** Milliseconds between one and the next. */
function gaps(requests: readonly SeenRequest[]): number[] {
  return requests.slice(1).map(({ at }, index) => at - requests[index]!.at);
}

/** Rules for all that the controller reads, but for its lease. */
function reads(effect: Effect) {
  return ['/api/v1/', '/apis/discovery.k8s.io/'].map((path) => ({ match: { method: 'GET', path }, effect }));
}

it('a watch that is cut in the middle of a word goes on where it was', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      for (let round = 0; round < 5; round += 1) {
        expect(await forwarder.cutWatches()).toBeGreaterThan(0);
        await sleep(700);
      }
    }),
  );
  const watches = requests.filter(asks(SERVICES, true));
  expect(watches.length).toBeGreaterThan(2);
  expect(requests.filter(asks(SERVICES, false))).toEqual([]);
});

it('a watch that is told 410 lists again, once each time', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      for (let round = 0; round < 3; round += 1) {
        expect(await forwarder.expireWatches()).toBeGreaterThan(0);
        await sleep(1_200);
      }
    }),
  );
  expect(requests.filter(asks(SERVICES, false)).length).toBe(3);
});

it('an API server that answers 500 is asked more and more seldom', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      await forwarder.use(...reads({ kind: 'answer', status: 500 }));
      await forwarder.cutWatches();
      await sleep(8_000);
    }),
  );
  const refused = requests.filter((seen) => asks(SERVICES, true)(seen) && seen.status === 500);
  expect(refused.length).toBeGreaterThan(3);
  expect(refused.length).toBeLessThan(10);
  const waits = gaps(refused);
  expect(waits.toSorted((one, other) => one - other)).toEqual(waits);
  expect(waits.at(-1)).toBeGreaterThan(4 * waits[0]!);
});

it('an API server that answers 429 is asked no sooner than it says', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      await forwarder.use(...reads({ kind: 'answer', status: 429, retryAfterSeconds: 2 }));
      await forwarder.cutWatches();
      await sleep(7_000);
    }),
  );
  const refused = requests.filter((seen) => asks(SERVICES, true)(seen) && seen.status === 429);
  expect(refused.length).toBeGreaterThan(1);
  expect(Math.min(...gaps(refused))).toBeGreaterThanOrEqual(2_000);
});

it('a version that etcd no longer has is left behind', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      await forwarder.use(...reads({ kind: 'answer', status: 500 }));
      await forwarder.cutWatches();
      await sleep(3_000);
      await compact();
      await forwarder.use();
      await sleep(5_000);
    }),
  );
  const gone = requests.filter(({ watch, status, end }) => watch && (status === 410 || end === 'gone'));
  expect(gone.map(({ path }) => path)).toContain(SERVICES);
});

it('a watch that says nothing any more is noticed, and what was missed is made up for', async () => {
  const node = lab.site.nodes.at(-1)!;
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  await cluster.kubectl(['label', 'node', node.name, `${label}=true`]);
  const left = SILENCE_NOTICED_MS + 5_000 - (performance.now() - silentSince);
  await eventually(async () => expect(await targetsOf('calm-1')).not.toContain(node.address), left / 1000 + 10);
  await cluster.kubectl(['label', 'node', node.name, `${label}-`]);
  await eventually(async () => expect(await targetsOf('calm-1')).toContain(node.address));
  await expectHolds(lab, { seconds: 30 });
  expect(await calmVersions()).toEqual(versions);
});

it('a leader whose every connection has fallen silent ends, and its successor goes on', async () => {
  const before = await processOf('controller-1');
  await underChurn(async () => {
    await forwarder.use({ match: {}, effect: { kind: 'silence' } });
    await eventually(async () => expect(await processOf('controller-1')).not.toBe(before), 20);
    await forwarder.use();
    await sleep(3_000);
  });
});

it('an API server that is killed ten times in a row does no harm', async () => {
  const requests = await underChurn(() =>
    requestsDuring(async () => {
      for (let round = 0; round < 10; round += 1) {
        await restartApiServer();
        await sleep(500);
      }
    }),
  );
  // Four kinds and a lease, over a minute or so.
  expect(requests.filter(({ status }) => status === 0).length).toBeLessThan(300);
});

it('no connection failed meanwhile', async () => {
  const { attempts, failures, outages, latencyMs } = await probe.stop();
  console.log(`prober: ${JSON.stringify({ attempts, failures, outages, latencyMs })}`);
  expect({ failures, outages }).toEqual({ failures: {}, outages: [] });
});

async function restartApiServer(): Promise<void> {
  const { name } = lab.site.control;
  await lab.kill(name, 'kube-apiserver');
  await lab.start(name, 'kube-apiserver');
}

/** Makes etcd forget every version but the newest. */
async function compact(): Promise<void> {
  const ask = (path: string, body: object) =>
    lab.must(lab.site.control.name, ['curl', '-sf', `http://127.0.0.1:2379/v3/kv/${path}`, '-d', JSON.stringify(body)]);
  const { header } = JSON.parse(await ask('range', { key: 'AA==' })) as { header: { revision: string } };
  await ask('compaction', { revision: header.revision, physical: true });
}

async function processOf(name: string): Promise<number | undefined> {
  const host = (await lab.status()).find((each) => each.name === lab.site.control.name);
  return host?.processes.find((each) => each.name === name)?.pid;
}

/** Addresses of the nodes that a Service's connections are sent to. */
async function targetsOf(service: string): Promise<string[]> {
  const { site } = await observe(lab);
  const found = site.loadBalancers.find(({ name }) => name.endsWith(`/${service}`));
  return (found?.targets ?? []).map((target) => target.split(':')[0]!);
}
