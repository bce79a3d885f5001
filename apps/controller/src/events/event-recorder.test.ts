import { expect, it } from 'vitest';
import type { Announcement } from './announce.ts';
import { eventName } from './event-name.ts';
import { createEventRecorder } from './event-recorder.ts';
import { fakeApi, refuse, type FakeApi } from '../testing/fake-api.ts';
import { manualClock } from '../testing/manual-clock.ts';

const ANNOUNCEMENT: Announcement = {
  regarding: { kind: 'Service', namespace: 'shop', name: 'front', uid: 'uid-1' },
  type: 'Warning',
  reason: 'AllocationFailed',
  message: 'pool default is full',
  about: 'PoolExhausted',
  once: false,
};

function recorder(api: FakeApi, busy = () => false) {
  const clock = manualClock();
  const lost: unknown[] = [];
  const made = createEventRecorder({
    api,
    instance: 'me',
    leads: () => true,
    busy,
    clock,
    wallClock: () => new Date('2026-01-01T00:00:00Z'),
    onLost: (error) => lost.push(error),
  });
  return { clock, lost, announce: (more: Partial<Announcement> = {}) => made.announce({ ...ANNOUNCEMENT, ...more }) };
}

it('writes an event that kubectl describe shows on the Service', async () => {
  const api = fakeApi();
  const { clock, announce } = recorder(api);
  announce();
  await clock.advance(100);
  expect(api.asked).toEqual(['POST /api/v1/namespaces/shop/events']);
  expect(api.bodies[0]).toMatchObject({
    involvedObject: { kind: 'Service', namespace: 'shop', name: 'front', uid: 'uid-1' },
    type: 'Warning',
    reason: 'AllocationFailed',
    message: 'pool default is full',
    count: 1,
  });
});

it('counts a repetition instead of writing another, at most every 30 s', async () => {
  const stored = { metadata: { resourceVersion: '7' }, count: 1 };
  const api = fakeApi(({ method }) => (method === 'GET' ? stored : {}));
  const { clock, announce } = recorder(api);
  announce();
  await clock.advance(100);
  for (let second = 0; second < 25; second++) {
    announce({ message: `${second} held` });
    await clock.advance(1_000);
  }
  expect(api.asked).toHaveLength(1);
  await clock.advance(10_000);
  announce({ message: 'the last' });
  await clock.advance(100);
  expect(api.asked.slice(1).map((asked) => asked.split(' ')[0])).toEqual(['GET', 'PATCH']);
  expect(api.bodies.at(-1)).toMatchObject({ count: 27, message: 'the last' });
});

it('goes on counting in the event of the process before it', async () => {
  const stored = { metadata: { resourceVersion: '7' }, count: 4 };
  const api = fakeApi(({ method }) => (method === 'POST' ? refuse(409) : method === 'GET' ? stored : {}));
  const { clock, announce } = recorder(api);
  announce();
  await clock.advance(100);
  expect(api.bodies.at(-1)).toMatchObject({ count: 5 });
});

it('says once what is to be said once, whoever said it', async () => {
  const api = fakeApi(({ method }) => (method === 'POST' ? refuse(409) : {}));
  const { clock, announce } = recorder(api);
  announce({ once: true });
  await clock.advance(100);
  announce({ once: true });
  await clock.advance(60_000);
  expect(api.asked).toEqual(['POST /api/v1/namespaces/shop/events']);
});

it('tells what goes well after the work, and what does not at once', async () => {
  const api = fakeApi();
  let works = true;
  const { clock, announce } = recorder(api, () => works);
  announce({ type: 'Normal', reason: 'EnsuringLoadBalancer' });
  announce();
  await clock.advance(1_000);
  expect(api.bodies.map((body) => (body as { reason: string }).reason)).toEqual(['AllocationFailed']);
  works = false;
  await clock.advance(100);
  expect(api.bodies.at(-1)).toMatchObject({ reason: 'EnsuringLoadBalancer', type: 'Normal' });
});

it('tells everything in time beside work that never ends', async () => {
  const api = fakeApi();
  const { clock, announce } = recorder(api, () => true);
  announce({ type: 'Normal' });
  await clock.advance(15_000);
  expect(api.asked).toEqual([]);
  await clock.advance(10_000);
  expect(api.asked).toHaveLength(1);
});

it('gives up an event that cannot be written, and tells', async () => {
  const { clock, lost, announce } = recorder(fakeApi(() => refuse(403)));
  announce();
  await clock.advance(100);
  expect(lost).toHaveLength(1);
});

it('drops the oldest of a flood, and keeps what it holds small', async () => {
  const { clock, lost, announce } = recorder(fakeApi());
  for (let count = 0; count < 5_500; count++) announce({ about: String(count) });
  await clock.advance(100);
  expect(lost).toHaveLength(500);
});

it('names an event alike in every process, apart by what it is about, within 253 characters', () => {
  const name = eventName(ANNOUNCEMENT);
  expect(name).toBe(eventName({ ...ANNOUNCEMENT, message: 'another' }));
  expect(name).not.toBe(eventName({ ...ANNOUNCEMENT, about: 'x' }));
  expect(name).not.toBe(eventName({ ...ANNOUNCEMENT, regarding: { ...ANNOUNCEMENT.regarding, uid: 'uid-2' } }));
  expect(name).toMatch(/^front\.[0-9a-f]{16}$/);
  const long = { ...ANNOUNCEMENT, regarding: { ...ANNOUNCEMENT.regarding, name: 'n'.repeat(253) } };
  expect(eventName(long).length).toBeLessThanOrEqual(253);
});
