import { peersMark, type Profile } from '@fairlead/haproxy';
import type { LoadBalancer, Options } from '@fairlead/model';
import { expect, it } from 'vitest';
import type { View } from './advance.ts';
import { drainRules } from '../draining/drain-rules.ts';
import { findDifference } from './difference.ts';
import { plan } from '../plan.ts';
import type { Step } from './step.ts';
import { CONFIG, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { carryOut, freshView } from '../testing/fresh-view.ts';
import { lowStock, slotStock } from '../wanted/options.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const VIP = '10.9.0.150';
const KEY = `${VIP}|80`;
const LEAST: Profile = { algorithm: 'leastconn' };
const STICKY: Profile = { affinitySeconds: 60 };

function wanted(options: Options | undefined, change: Partial<LoadBalancer> = {}, port = nodePort(80)): Wanted {
  const lb = placed('a', VIP, [port], { ...(options ? { options } : {}), ...change });
  return wantedOf(stateOf([lb], nodeSet(THREE_NODES, { check: 'auto' })), {
    ...READ,
    nodeChecks: new Map([['prod', { kind: 'none' as const }]]),
  });
}

/** A worker with two empty backends of each profile. */
function fresh(profiles: readonly Profile[], marks: readonly string[] = []): View {
  return freshView({ slots: 2, nodeChecks: 0, profiles, marks });
}

const kinds = (steps: readonly Step[]): string[] => [...new Set(steps.map((step) => step.kind))];

it('a profile that the worker does not have waits for a reload; one that it has is served at once', () => {
  const asked = wanted({ algorithm: 'leastconn' });
  expect(plan(asked, fresh([{}]), OPTIONS).assignment.unplaced).toEqual([KEY]);
  const { assignment, steps } = plan(asked, fresh([{}, LEAST]), OPTIONS);
  expect(assignment.unplaced).toEqual([]);
  expect(steps.filter(({ kind }) => kind === 'add-service')).toMatchObject([{ backend: 'slot_leastconn_0' }]);
});

it('another profile moves a Service that is served, and leaves its connections where they are', () => {
  const view = fresh([{}, LEAST]);
  carryOut(plan(wanted(undefined), view, OPTIONS).steps, view);
  const asked = wanted({ algorithm: 'leastconn' });
  const rules = { ...OPTIONS, drain: drainRules(asked.services, 0) };
  const { steps } = plan(asked, view, rules);
  expect(steps.filter(({ kind }) => kind === 'move-service')).toMatchObject([{ backend: 'slot_leastconn_0' }]);
  expect(kinds(steps)).not.toContain('release');
  carryOut(
    steps.filter(({ kind }) => kind !== 'delete-server'),
    view,
  );
  // Whose connections have not ended is not deleted by force, however short the drain time.
  const later = plan(asked, view, rules).steps;
  expect(later).not.toEqual([]);
  for (const step of later) expect(step).toMatchObject({ kind: 'delete-server', force: false });
});

it('the number of connections is one command in the map, noticed when somebody changes it', () => {
  const view = fresh([{}]);
  carryOut(plan(wanted(undefined), view, OPTIONS).steps, view);
  const few = wanted({ maxConnections: 5 });
  const { steps } = plan(few, view, OPTIONS);
  expect(steps).toMatchObject([{ kind: 'move-service', backend: 'slot_plain_0', quota: { connections: 5 } }]);
  carryOut(steps, view);
  expect(plan(few, view, OPTIONS).steps).toEqual([]);
  expect(kinds(plan(wanted(undefined), view, OPTIONS).steps)).toEqual(['move-service']);
  view.touched.clear();
  const seen = {
    ...view.worker,
    quotas: new Map(),
    servers: [...view.worker.backends].flatMap(([backend, { servers }]) =>
      [...servers.values()].map((server) => ({ backend, server })),
    ),
    caught: [...view.caught.values()],
    limits: [],
    forwards: [],
    links: { links: view.links, addresses: [...view.addresses.values()] },
  };
  const difference = [...walk(findDifference(view, seen))].at(-1);
  expect(difference).toBe(`service ${KEY}`);
});

function* walk(search: Generator<void, string | undefined>): Generator<string | undefined> {
  for (let step = search.next(); ; step = search.next()) {
    yield step.done ? step.value : undefined;
    if (step.done) return;
  }
}

it('all ports of a load balancer count in one counter, those of others in another', () => {
  const counters = (id: string): unknown => {
    const lb = placed(id, VIP, [nodePort(80), nodePort(81)], { options: { maxConnections: 5 } });
    const { services } = wantedOf(stateOf([lb]), READ);
    return [...services.values()].map(({ quota }) => quota!.counter);
  };
  const [first, second] = counters('a') as [string, string];
  expect(first).toBe(second);
  expect(counters('b')).not.toContain(first);
  expect(first).toMatch(/^[0-9a-f]{16}$/);
});

it('affinity is served once the worker shares its memory with the machines of the set', () => {
  const sticky = wanted(undefined, { affinity: { timeoutSeconds: 60 } });
  const mark = peersMark(sticky.peers!);
  expect(plan(sticky, fresh([STICKY]), OPTIONS).assignment.unplaced).toEqual([KEY]);
  expect(plan(sticky, fresh([{}], [mark]), OPTIONS).assignment.unplaced).toEqual([KEY]);
  expect(plan(sticky, fresh([STICKY], [mark]), OPTIONS).assignment.unplaced).toEqual([]);
  const members = [...CONFIG.members, { name: 'lb-9', address: CONFIG.members[0]!.address }];
  const more = wantedOf({ ...stateOf([]), config: { ...CONFIG, members } }, READ);
  expect(peersMark(more.peers!)).not.toBe(mark);
});

it('servers that hear the PROXY protocol, or are asked at another pace, are other servers', () => {
  const ids = (options: Options | undefined, proxyProtocol?: 1 | 2): number[] => {
    const port = nodePort(80, { check: { kind: 'tcp' }, ...(proxyProtocol ? { proxyProtocol } : {}) });
    return wanted(options, {}, port)
      .services.get(KEY)!
      .servers.map(({ id }) => id);
  };
  const pace = { intervalMs: 5_000, rise: 1, fall: 2 };
  const all = [ids(undefined), ids(undefined, 1), ids(undefined, 2), ids({ checkPace: pace })].flat();
  expect(new Set(all).size).toBe(12);
});

it.each<[Options, Partial<LoadBalancer>, Profile]>([
  [{ algorithm: 'roundrobin' }, {}, {}],
  [{ algorithm: 'hash' }, {}, { algorithm: 'hash' }],
  [{ connectTimeoutMs: 500 }, {}, { connectTimeoutMs: 500 }],
  [{ clientTimeoutMs: 1_000 }, {}, { idleTimeoutMs: 1_000 }],
  [{ clientTimeoutMs: 1_000, serverTimeoutMs: 500 }, {}, { serverTimeoutMs: 500, idleTimeoutMs: 500 }],
  [{ clientTimeoutMs: 1_000, tunnelTimeoutMs: 5_000 }, {}, { idleTimeoutMs: 5_000 }],
  [{ maxConnections: 5 }, { affinity: { timeoutSeconds: 60 } }, { affinitySeconds: 60 }],
])('%j with %j is served by a backend of profile %j', (options, change, profile) => {
  expect(wanted(options, change).services.get(KEY)!.profile).toEqual(profile);
});

it('an HTTP check is a matter of the profile, with its path and status', () => {
  const check = { kind: 'http', port: 0, path: '/ready', expectedStatus: 204 } as const;
  const { profile } = wanted(undefined, {}, nodePort(80, { check })).services.get(KEY)!;
  expect(profile).toEqual({ check: { path: '/ready', status: 204 } });
});

it('UDP, which HAProxy only checks, has neither profile nor quota', () => {
  const options = { algorithm: 'leastconn', maxConnections: 5, serverTimeoutMs: 500 } as const;
  const asked = wanted(options, { affinity: { timeoutSeconds: 60 } }, nodePort(53, { protocol: 'UDP' }));
  const service = asked.services.get(`${VIP}|53/udp`)!;
  expect(service.profile).toEqual({});
  expect(service).not.toHaveProperty('quota');
});

it('servers are added with the version of the PROXY protocol that they hear', () => {
  const { steps } = plan(wanted(undefined, {}, nodePort(80, { proxyProtocol: 2 })), fresh([{}]), OPTIONS);
  const added = steps.flatMap((step) => (step.kind === 'add-server' ? [step.server.proxyProtocol] : []));
  expect(added).toEqual([2, 2, 2]);
});

it('a profile that few use has a small stock, which grows with those who use it', () => {
  expect([slotStock('plain', 512, 0), slotStock('healthz', 512, 0)]).toEqual([512, 512]);
  expect([0, 10, 100, 10_000].map((inUse) => slotStock('leastconn', 512, inUse))).toEqual([32, 32, 100, 512]);
  for (const slots of [16, 64, 512, 50_000]) {
    for (const profile of ['plain', 'leastconn']) {
      const [low, stock] = [lowStock(profile, slots), slotStock(profile, slots, 0)];
      expect(low > 0 && low < stock).toBe(true);
    }
  }
});
