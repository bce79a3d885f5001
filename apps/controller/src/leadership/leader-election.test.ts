import { expect, it } from 'vitest';
import type { ApiRequest } from '../cluster/api.ts';
import { createElection, type Election } from './leader-election.ts';
import { ELECTION_TIMES } from './leadership.ts';
import { fakeApi, refuse } from '../testing/fake-api.ts';
import { manualClock, settled, type ManualClock } from '../testing/manual-clock.ts';

interface Lease {
  metadata: { resourceVersion: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { holderIdentity: string; leaseDurationSeconds: number; renewTime: string; leaseTransitions: number };
}

/** One Lease, as the API server keeps it, with its check of versions. */
function leaseServer() {
  let version = 0;
  const server = {
    lease: undefined as Lease | undefined,
    available: true,
    answer({ method, body }: ApiRequest): unknown {
      if (!server.available) refuse(0, 'no answer');
      if (method === 'GET') return server.lease ?? refuse(404);
      if (method === 'POST' && server.lease !== undefined) refuse(409);
      const wanted = body as Lease;
      if (method === 'PUT' && wanted.metadata.resourceVersion !== server.lease!.metadata.resourceVersion) refuse(409);
      server.lease = { ...wanted, metadata: { ...wanted.metadata, resourceVersion: String(++version) } };
      return server.lease;
    },
  };
  return server;
}

function candidate(server: ReturnType<typeof leaseServer>, me: string, clock: ManualClock) {
  const lost: string[] = [];
  const end = new AbortController();
  let wall = 0;
  const election: Election = createElection({
    api: fakeApi((request) => server.answer(request)),
    namespace: 'ns',
    leaseName: 'x',
    me,
    times: ELECTION_TIMES,
    clock,
    wallClock: () => new Date(++wall),
    random: () => 0,
    onLeading: () => {},
    onLost: (why) => lost.push(why),
    onFailure: () => {},
  });
  void election.run(end.signal);
  return { election, lost, end };
}

it('takes a lease that nobody has, and keeps it', async () => {
  const [server, clock] = [leaseServer(), manualClock()];
  const one = candidate(server, 'one', clock);
  await clock.advance(60_000);
  expect(one.election.leads()).toBe(true);
  expect(server.lease!.spec).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 });
  expect(server.lease!.spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

it('never lets two lead, and the second take over 15 s after the first was last seen', async () => {
  const [server, first, second] = [leaseServer(), manualClock(), manualClock()];
  const one = candidate(server, 'one', first);
  await first.advance(100);
  const two = candidate(server, 'two', second);
  await second.advance(10_000);
  expect([one.election.leads(), two.election.leads()]).toEqual([true, false]);
  // The first stands still from here on.
  await second.advance(4_000);
  expect(two.election.leads()).toBe(false);
  await second.advance(4_000);
  expect(two.election.leads()).toBe(true);
  expect(server.lease!.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  // Woken after its own deadline it knows before it has asked anybody.
  first.sleep(30_000);
  expect(one.election.leads()).toBe(false);
  await first.advance(0);
  expect(one.lost).toHaveLength(1);
});

it('stops after 10 s without an answer, though nobody tells it', async () => {
  const [server, clock] = [leaseServer(), manualClock()];
  const one = candidate(server, 'one', clock);
  await clock.advance(5_000);
  server.available = false;
  await clock.advance(8_000);
  expect(one.lost).toEqual([]);
  await clock.advance(2_500);
  expect(one.lost).toEqual(['the lease could not be renewed for 10000 ms']);
  expect(one.election.leads()).toBe(false);
  server.available = true;
  await clock.advance(60_000);
  expect(one.election.leads()).toBe(false);
});

it('stops when it sees that another holds the lease', async () => {
  const [server, clock] = [leaseServer(), manualClock()];
  const one = candidate(server, 'one', clock);
  await clock.advance(100);
  server.lease = { metadata: { resourceVersion: '99' }, spec: { ...server.lease!.spec, holderIdentity: 'two' } };
  await clock.advance(2_500);
  expect(one.lost).toEqual(['two holds the lease now']);
});

it('lets go of the lease when it retires, and of nobody else’s', async () => {
  const [server, clock] = [leaseServer(), manualClock()];
  const one = candidate(server, 'one', clock);
  await clock.advance(100);
  const two = candidate(server, 'two', clock);
  await clock.advance(100);
  await two.election.release();
  expect(server.lease!.spec.holderIdentity).toBe('one');
  one.end.abort();
  await one.election.release();
  expect(server.lease!.spec.holderIdentity).toBe('');
  expect(one.election.leads()).toBe(false);
  await settled();
  const three = candidate(server, 'three', clock);
  await clock.advance(0);
  expect(three.election.leads()).toBe(true);
});

it('takes an empty lease that somebody else made, and leaves the labels and annotations on it', async () => {
  const [server, clock] = [leaseServer(), manualClock()];
  const marks = {
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': 'x' },
  };
  server.lease = { metadata: { ...marks, resourceVersion: '0' } } as unknown as Lease;
  const one = candidate(server, 'one', clock);
  await clock.advance(60_000);
  expect(one.election.leads()).toBe(true);
  expect(server.lease.metadata).toMatchObject(marks);
});
