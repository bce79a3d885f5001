import { Registry } from '@fairlead/telemetry';
import { expect, it } from 'vitest';
import { ensure } from './decisions/ensure.ts';
import { publish } from './decisions/publish.ts';
import { registerMetrics, type MetricSources } from './metrics.ts';
import type { LoadBalancerStatus, MachineView } from './status.ts';
import { decide, service, truthOf } from './testing/site.ts';

/** Two Services that have addresses; `a` was once published. */
function siteWith(owners: readonly string[]): Pick<MetricSources, 'keeper' | 'fleet' | 'board'> {
  const truth = truthOf();
  for (const name of ['a', 'b']) decide(truth, (current) => ensure(current, service(name), 1_000));
  const held = [...truth.loadBalancers.values()];
  const first = held.find(({ wish }) => wish.name === 'a')!;
  decide(truth, (current) => publish(current, new Map([[first.wish.id, first.generation]])));
  const view = (name: string): MachineView => ({
    name,
    connected: name !== 'away',
    acks: [],
    report: {
      ownedInstances: owners.includes(name) ? ['default'] : [],
      refused: [],
      findings: name === 'lb-2' ? ['keepalived does not stay up'] : [],
    } as unknown as NonNullable<MachineView['report']>,
  });
  const statuses = held.map(({ wish: { id, cluster, namespace, name } }, index): LoadBalancerStatus => {
    const addresses = [`10.0.0.${150 + index}`] as unknown as LoadBalancerStatus['addresses'];
    return { id, cluster, namespace, name, addresses, state: 'PENDING', message: '', machines: [] };
  });
  return {
    keeper: { truth } as unknown as MetricSources['keeper'],
    fleet: { view, viewsOf: () => ['lb-1', 'lb-2', 'away'].map(view) },
    board: { all: () => statuses },
  };
}

async function lines(owners: readonly string[], name: string): Promise<string[]> {
  const registry = new Registry();
  const none = {
    watching: () => new Set<string>(),
    isStoreWritable: () => true,
    validity: () => undefined,
    now: () => 2_000,
  };
  registerMetrics(registry, { ...siteWith(owners), ...none });
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
}

it('names each address that has not been served yet, and no other', async () => {
  expect(await lines(['lb-1'], 'fairlead_load_balancer_unserved')).toEqual([
    'fairlead_load_balancer_unserved{cluster="prod",namespace="shop",name="b",address="10.0.0.151"} 1',
  ]);
});

it.each([[[]], [['away']]])('names every address when the owners that can be heard are %j', async (owners) => {
  expect(await lines(owners, 'fairlead_load_balancer_unserved')).toHaveLength(2);
});

it.each([
  [['lb-1'], 1],
  [['lb-1', 'lb-2'], 2],
  [['lb-1', 'away'], 1],
  [[], 0],
])('counts who says that it owns the addresses of a set: %j are %i', async (owners, count) => {
  expect(await lines(owners, 'fairlead_vrrp_instance_owners')).toEqual([
    `fairlead_vrrp_instance_owners{set="default"} ${count}`,
  ]);
});

it('counts what each machine says a person should act on', async () => {
  expect(await lines(['lb-1'], 'fairlead_machine_findings')).toEqual([
    'fairlead_machine_findings{machine="lb-1",set="default"} 0',
    'fairlead_machine_findings{machine="lb-2",set="default"} 1',
  ]);
});
