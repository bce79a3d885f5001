import { createLogger, newTrace } from '@fairlead/telemetry';
import { beforeEach, expect, it } from 'vitest';
import type { Cluster } from './cluster/cluster.ts';
import { newHealth } from './cluster/list-watch.ts';
import type { ServiceObject } from './cluster/objects.ts';
import { FINALIZER, keyOf } from './cluster/objects.ts';
import type { ServiceWriter } from './cluster/service-writer.ts';
import type { Outcome, ReconcileParts } from './reconcile.ts';
import { reconcile } from './reconcile.ts';
import type { Ensured, Session } from './session.ts';
import type { Served, StatusChange } from './status.ts';
import { VIP } from './testing/fake-cloudagent.ts';
import { node, service, type ServiceParts } from './testing/objects.ts';

const KEY = 'shop/front';
const SERVING: Served = { addresses: [VIP], state: 'serving', message: '', lost: false };

/** A cluster and a cloudagent in memory. Every effect is a step, in order, and can be made to fail. */
interface World {
  service: ServiceObject | undefined;
  namespaceKnown: boolean;
  synced: boolean;
  open: boolean;
  closedSince: number;
  now: number;
  held: string[];
  served: Served | undefined;
  /** What is served as soon as it was ensured. */
  becomes: Served;
  ensuredSince: number;
  steps: string[];
  failAt: string | undefined;
  changes: StatusChange[];
}

let world: World;
beforeEach(() => {
  world = {
    service: service(),
    namespaceKnown: true,
    synced: true,
    open: true,
    closedSince: 0,
    now: 100_000,
    held: [],
    served: undefined,
    becomes: SERVING,
    ensuredSince: 100_000,
    steps: [],
    failAt: undefined,
    changes: [],
  };
});

function step(name: string): void {
  world.steps.push(name);
  if (world.failAt === name) {
    world.failAt = undefined;
    throw new Error(`failed at ${name}`);
  }
}

function edit(change: ServiceParts): void {
  const { metadata, spec, status } = world.service!;
  world.service = {
    metadata: { ...metadata, ...change.metadata },
    spec: { ...spec, ...change.spec },
    status: { ...status, ...change.status },
  };
}

const cluster: Cluster = {
  service: (key) => (world.service !== undefined && key === keyOf(world.service.metadata) ? world.service : undefined),
  serviceKeys: () => [KEY],
  services: () => [world.service!].values(),
  nodes: () => [node()],
  namespaceLabels: () => (world.namespaceKnown ? {} : undefined),
  slices: () => [],
  observeService: () => {},
  get synced() {
    return world.synced;
  },
  health: { services: newHealth(), nodes: newHealth(), endpointslices: newHealth(), namespaces: newHealth() },
  follow: async () => {},
};

const session: Session = {
  get open() {
    return world.open;
  },
  get closedSince() {
    return world.closedSince;
  },
  closedBy: undefined,
  heldFor: () => world.held,
  heldKeys: () => [KEY],
  served: () => world.served,
  async ensure(loadBalancer): Promise<Ensured> {
    step('ensure');
    if (!world.held.includes(loadBalancer.id)) world.held.push(loadBalancer.id);
    world.served = world.becomes;
    const outcome = { kind: 'ensured', addresses: [VIP] } as const;
    return { outcome, sent: true, before: undefined, since: world.ensuredSince, retryMs: undefined };
  },
  async remove(id) {
    step(`remove ${id}`);
    world.held = world.held.filter((other) => other !== id);
    if (id === world.service?.metadata.uid) world.served = undefined;
  },
  syncNodes: async () => {},
  run: async () => {},
};

const writer: ServiceWriter = {
  async addFinalizer() {
    step('finalizer on');
    edit({ metadata: { finalizers: [...world.service!.metadata.finalizers, FINALIZER] } });
    return 'written';
  },
  async removeFinalizer() {
    step('finalizer off');
    const finalizers = world.service!.metadata.finalizers.filter((name) => name !== FINALIZER);
    const gone = world.service!.metadata.deletionTimestamp !== undefined && finalizers.length === 0;
    if (gone) world.service = undefined;
    else edit({ metadata: { finalizers } });
    return 'written';
  },
  async changeStatus(_service, change, hold) {
    step(hold === true ? 'status and finalizer' : 'status');
    if (hold === true) edit({ metadata: { finalizers: [...world.service!.metadata.finalizers, FINALIZER] } });
    world.changes.push(change);
    const touched = [...change.setConditions.map(({ type }) => type), ...change.removeConditions];
    const others = world.service!.status.conditions.filter(({ type }) => !touched.includes(type));
    edit({
      status: {
        ingress: change.ingress ?? world.service!.status.ingress,
        conditions: [...others, ...change.setConditions],
      },
    });
    return 'written';
  },
};

async function turn(): Promise<Outcome> {
  const parts: ReconcileParts = {
    clusterName: 'prod',
    defaultClass: false,
    cluster,
    session,
    writer,
    announce: () => {},
    onPublished: () => {},
    published: new Map(),
    now: () => world.now,
    wallClock: () => new Date('2026-01-01T00:00:00Z'),
  };
  return reconcile(KEY, parts, { trace: newTrace(), log: createLogger({ component: 'test', level: 'silent' }) });
}

/** Turns until one has no step to make. */
async function settle(): Promise<void> {
  for (let count = 0; count < 10; count++) {
    const before = world.steps.filter((name) => name !== 'ensure').length;
    const failed = await turn().then(
      () => false,
      () => true,
    );
    if (!failed && world.steps.filter((name) => name !== 'ensure').length === before) return;
  }
  throw new Error(`does not come to rest: ${world.steps.join(', ')}`);
}

it('ensures, then tells and puts the finalizer on in one write', async () => {
  await settle();
  expect(world.steps).toEqual(['ensure', 'status and finalizer', 'ensure']);
  expect(world.service!.status.ingress).toMatchObject([{ ip: VIP, ipMode: 'Proxy' }]);
  expect(world.service!.metadata.finalizers).toEqual([FINALIZER]);
});

it('puts the finalizer on again when somebody took it off', async () => {
  await settle();
  edit({ metadata: { finalizers: [] } });
  world.steps = [];
  await settle();
  expect(world.steps).toEqual(['ensure', 'finalizer on', 'ensure']);
});

it('takes away what was made for a Service that vanished before its finalizer was on', async () => {
  world.becomes = { ...SERVING, state: 'pending' };
  await turn();
  world.service = undefined;
  await settle();
  expect(world.steps).toEqual(['ensure', 'remove uid-1']);
});

it('deletes, tells, and takes the finalizer off last', async () => {
  await settle();
  edit({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER, 'example.com/other'] } });
  world.steps = [];
  await settle();
  expect(world.steps).toEqual(['remove uid-1', 'status', 'finalizer off']);
  expect(world.service!.status).toEqual({ ingress: [], conditions: [] });
});

it('does not write a status that nobody will see', async () => {
  await settle();
  edit({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  world.steps = [];
  await settle();
  expect(world.steps).toEqual(['remove uid-1', 'finalizer off']);
  expect(world.service).toBeUndefined();
});

it('keeps the finalizer while something may still be served', async () => {
  await settle();
  edit({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  world.failAt = 'remove uid-1';
  await expect(turn()).rejects.toThrow('remove');
  expect(world.service!.metadata.finalizers).toEqual([FINALIZER]);
});

it.each(['ensure', 'status and finalizer'])('comes to the same end when it was cut at "%s"', async (where) => {
  world.failAt = where;
  await settle();
  expect(world.service!.metadata.finalizers).toEqual([FINALIZER]);
  expect(world.service!.status.ingress).toHaveLength(1);
  expect(world.held).toEqual(['uid-1']);
});

it.each(['remove uid-1', 'status', 'finalizer off'])(
  'leaves nothing behind when a release was cut at "%s"',
  async (where) => {
    await settle();
    edit({ spec: { type: 'ClusterIP' }, status: { ingress: [] } });
    world.failAt = where;
    await settle();
    expect(world.held).toEqual([]);
    expect(world.service).toMatchObject({ metadata: { finalizers: [] }, status: { conditions: [] } });
  },
);

it('removes what is held for an earlier Service of the name before it serves the new one', async () => {
  world.held = ['uid-0'];
  await settle();
  expect(world.steps.slice(0, 3)).toEqual(['remove uid-0', 'ensure', 'status and finalizer']);
});

it('removes what is held for a Service that is gone', async () => {
  world.service = undefined;
  world.held = ['uid-0', 'uid-1'];
  await settle();
  expect(world.steps).toEqual(['remove uid-0', 'remove uid-1']);
});

it('destroys nothing before every cache is complete', async () => {
  world.service = undefined;
  world.held = ['uid-1'];
  world.synced = false;
  await settle();
  expect(world.steps).toEqual([]);
});

it('waits for the namespace, whose labels decide about pools', async () => {
  world.namespaceKnown = false;
  await settle();
  expect(world.steps).toEqual([]);
});

it('says nothing of a Service on its way for a second, then what it waits for', async () => {
  world.becomes = { ...SERVING, state: 'pending', message: 'waiting for machine lb-2' };
  expect(await turn()).toEqual({ againAfterMs: 1_000 });
  expect(world.steps).toEqual(['ensure']);
  world.now += 1_000;
  expect(await turn()).toBeUndefined();
  expect(world.changes).toHaveLength(1);
  expect(world.changes[0]!.ingress).toBeUndefined();
});

it('corrects a forged address at once, though the Service is on its way', async () => {
  world.becomes = { ...SERVING, state: 'pending', addresses: [] };
  edit({ status: { ingress: [{ ip: '10.6.6.6' }] } });
  await turn();
  expect(world.changes[0]!.ingress).toEqual([]);
});

it('makes nothing of a refused wish, and removes nothing of what is served', async () => {
  await settle();
  edit({ spec: { sessionAffinity: 'Sticky' } });
  world.steps = [];
  await settle();
  expect(world.steps).toEqual(['status']);
  expect(world.held).toEqual(['uid-1']);
  expect(world.service!.status.ingress).toHaveLength(1);
});

it('leaves what is published as it is without the cloudagent, and after 10 s tells who is new', async () => {
  await settle();
  world.open = false;
  world.closedSince = world.now;
  world.steps = [];
  edit({ spec: { ports: [] } });
  expect(await turn()).toBeUndefined();
  expect(world.steps).toEqual([]);

  world.service = service();
  expect(await turn()).toEqual({ againAfterMs: 10_000 });
  world.now += 10_000;
  await turn();
  expect(world.steps).toEqual(['status']);
  expect(world.changes.at(-1)!.setConditions.map(({ type, status }) => `${type.split('/')[1]} ${status}`)).toEqual([
    'Accepted True',
    'AddressAllocated False',
    'Programmed False',
  ]);
});
