import { newTrace } from '@fairlead/telemetry';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodeObject } from './cluster/objects.ts';
import { SessionSuperseded } from './cloudagent.ts';
import type { Desired } from './desired.ts';
import { desired } from './desired.ts';
import { describeNode } from './wanted/nodes.ts';
import type { Session } from './session.ts';
import { createSession, NoSession } from './session.ts';
import { scriptedCloudagent, VIP, type ScriptedCloudagent } from './testing/fake-cloudagent.ts';
import { manualClock, settled, type ManualClock } from './testing/manual-clock.ts';
import { HTTP, node, service, type ServiceParts } from './testing/objects.ts';

let cloudagent: ScriptedCloudagent;
let clock: ManualClock;
let session: Session;
let nodes: NodeObject[];
let leading: boolean;
let opened: number;
let told: string[];
let closed: unknown[];
let end: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  cloudagent = scriptedCloudagent();
  clock = manualClock();
  nodes = [node({ name: 'a' })];
  leading = true;
  opened = 0;
  told = [];
  closed = [];
  end = new AbortController();
  session = createSession({
    cloudagent,
    holder: 'me',
    mayOpen: () => leading,
    nodes: () => nodes.map(describeNode),
    clock,
    random: () => 1,
    newTrace,
    onOpen: () => opened++,
    onStatus: (key) => told.push(key),
    onNodesRefused: () => {},
    onClosed: (error) => closed.push(error),
  });
  running = session.run(end.signal);
  await settled();
});
afterEach(async () => {
  end.abort();
  await running;
});

function wish(parts: ServiceParts = {}): Extract<Desired, { kind: 'wanted' }>['loadBalancer'] {
  const around = { cluster: 'prod', defaultClass: false, namespaceLabels: {}, slices: [] };
  const wanted = desired(service(parts), around);
  if (wanted.kind !== 'wanted') throw new Error('not wanted');
  return wanted.loadBalancer;
}

const trace = newTrace();

it('opens with all nodes told, before anything else is asked', () => {
  expect(cloudagent.asked).toEqual(['open', 'nodes full +a']);
  expect(session.open).toBe(true);
  expect(opened).toBe(1);
});

it('tells changes of nodes only', async () => {
  nodes = [node({ name: 'b' })];
  await session.syncNodes(trace);
  await session.syncNodes(trace);
  expect(cloudagent.asked.slice(2)).toEqual(['nodes +b -a']);
});

it('asks once for the same wish, and again for another', async () => {
  expect(await session.ensure(wish(), trace)).toMatchObject({ sent: true, before: undefined });
  expect(await session.ensure(wish(), trace)).toMatchObject({ sent: false });
  const other = wish({ spec: { ports: [{ ...HTTP, port: 81 }] } });
  expect(await session.ensure(other, trace)).toMatchObject({ sent: true, before: { ports: [{ port: 80 }] } });
  expect(cloudagent.asked.filter((asked) => asked.startsWith('ensure'))).toHaveLength(2);
});

it('does not serve before the status says so', async () => {
  await session.ensure(wish(), trace);
  expect(session.served('uid-1')).toMatchObject({ state: 'pending', addresses: [VIP] });
  cloudagent.sayStatus({ state: 'serving' });
  await settled();
  expect(session.served('uid-1')).toMatchObject({ state: 'serving' });
  expect(told).toEqual(['shop/front']);
});

it('asks a refused wish again after 5 s, then 10 s, not in between', async () => {
  cloudagent.outcome = () => ({ kind: 'refused', refusal: { reason: 'POOL_EXHAUSTED', field: '', message: 'full' } });
  const asked = async (): Promise<boolean> => (await session.ensure(wish(), trace)).sent;
  expect(await asked()).toBe(true);
  await clock.advance(5_000);
  expect(await asked()).toBe(false);
  await clock.advance(1_300);
  expect(await asked()).toBe(true);
  await clock.advance(10_000);
  expect(await asked()).toBe(false);
  await clock.advance(2_600);
  expect(await asked()).toBe(true);
});

it('asks a refused wish again at once when the cloudagent says that it can be', async () => {
  cloudagent.outcome = () => ({ kind: 'refused', refusal: { reason: 'POOL_EXHAUSTED', field: '', message: 'full' } });
  await session.ensure(wish(), trace);
  expect(session.served('uid-1')).toMatchObject({ state: 'refused', addresses: [] });
  cloudagent.sayStatus({ state: 'pending' });
  await settled();
  expect(session.served('uid-1')).toMatchObject({ state: 'pending' });
  expect((await session.ensure(wish(), trace)).sent).toBe(true);
});

it('counts what may be held even when the answer is lost', async () => {
  cloudagent.outcome = () => Promise.reject(new Error('cut'));
  await expect(session.ensure(wish(), trace)).rejects.toThrow('cut');
  expect(session.heldFor('shop/front')).toEqual(['uid-1']);
  await session.remove('uid-1', trace);
  expect(session.heldFor('shop/front')).toEqual([]);
});

it('begins anew when the stream ends: another session, all told again', async () => {
  await session.ensure(wish(), trace);
  cloudagent.held = [
    { id: 'old', namespace: 'shop', name: 'back' },
    { id: 'control-plane/prod', namespace: '', name: '' },
  ];
  cloudagent.endWatch();
  await settled();
  expect(session.open).toBe(false);
  await expect(session.ensure(wish(), trace)).rejects.toBeInstanceOf(NoSession);
  await clock.advance(200);
  expect(session.heldKeys()).toEqual(['shop/back']);
  expect((await session.ensure(wish(), trace)).sent).toBe(true);
  expect(cloudagent.asked.slice(-3)).toEqual(['open', 'nodes full +a', 'ensure uid-1']);
});

it('goes on in the same session when a stream that had become old ends, and learns what it has missed', async () => {
  await session.ensure(wish(), trace);
  cloudagent.sayStatus({ state: 'serving' });
  cloudagent.sayStatus({ id: 'other', name: 'back', state: 'serving' });
  await clock.advance(600_000);
  told.length = 0;
  cloudagent.initially = [{ id: 'other', name: 'back', state: 'serving' }];
  cloudagent.endWatch();
  await settled();
  expect(session.open).toBe(true);
  expect(closed).toEqual([]);
  expect(cloudagent.asked.filter((asked) => asked === 'open')).toHaveLength(1);
  expect(session.heldKeys()).toEqual(['shop/back']);
  expect(told).toEqual(['shop/back', 'shop/front']);
  // What was released behind our back is asked for again.
  expect((await session.ensure(wish(), trace)).sent).toBe(true);
});

it('stands back at once when superseded, and opens another only seconds later', async () => {
  cloudagent.session++;
  await expect(session.ensure(wish(), trace)).rejects.toBeInstanceOf(SessionSuperseded);
  await expect(session.ensure(wish(), trace)).rejects.toBeInstanceOf(NoSession);
  await clock.advance(4_000);
  expect(cloudagent.asked.filter((asked) => asked === 'open')).toHaveLength(1);
  expect(closed).toEqual([expect.any(SessionSuperseded)]);
  await clock.advance(2_000);
  expect(session.open).toBe(true);
});

it('never opens a session while another leads', async () => {
  leading = false;
  cloudagent.endWatch();
  await clock.advance(60_000);
  expect(cloudagent.asked.filter((asked) => asked === 'open')).toHaveLength(1);
});

it('speaks of lost machines after a while only, and looks again by itself', async () => {
  cloudagent.sayStatus({ reachable: false });
  await settled();
  expect(session.served('uid-1')).toMatchObject({ state: 'serving', lost: false });
  told.length = 0;
  await clock.advance(10_200);
  expect(told).toEqual(['shop/front']);
  expect(session.served('uid-1')).toMatchObject({ state: 'serving', lost: true });
  cloudagent.sayStatus({ reachable: true });
  await settled();
  expect(session.served('uid-1')).toMatchObject({ lost: false });
});
