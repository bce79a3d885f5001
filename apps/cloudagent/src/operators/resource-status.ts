import { controlPlaneOf } from '../truth/declared.ts';
import { findingsOf } from './findings.ts';
import { poolUsage } from './pool-usage.ts';
import { lagOf } from '../machines/link.ts';
import type { Fleet } from '../push.ts';
import type { JsonObject, Resource } from '../resources/types.ts';
import type { StatusBoard } from '../status/board.ts';
import { type Truth, versionOf } from '../truth/truth.ts';

/** What a resource's status is read from. */
export interface StatusSources {
  readonly truth: Truth;
  readonly fleet: Pick<Fleet, 'view' | 'problemOf'>;
  readonly board: Pick<StatusBoard, 'statusOf'>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What the site knows of a resource besides what its author wrote; undefined: nothing. */
export function resourceStatus(resource: Resource, sources: StatusSources): JsonObject | undefined {
  switch (resource.kind) {
    case 'Network':
    case 'NodeIpPool':
      return undefined;
    case 'VipPool':
      return poolStatus(resource.name, sources);
    case 'LoadBalancerSet':
      return setStatus(resource.name, sources);
    case 'Machine':
      return machineStatus(resource.name, sources);
    case 'Cluster':
      return clusterStatus(resource.name, sources);
    default:
      return balancerStatus(resource.spec.loadBalancer.id, sources);
  }
}

function poolStatus(name: string, { truth, now }: StatusSources): JsonObject | undefined {
  const usage = poolUsage(truth, now).find((pool) => pool.name === name);
  if (usage === undefined) return undefined;
  const { total, free, held, quarantined, reserved } = usage;
  return {
    total: String(total),
    free: String(free),
    held: String(held),
    quarantined: String(quarantined),
    reserved: String(reserved),
  };
}

function setStatus(name: string, { truth, fleet }: StatusSources): JsonObject {
  const machines = [...truth.site.machines.values()].filter(({ spec }) => spec.loadBalancerSet === name);
  const record = truth.sets.get(name);
  return {
    machines: machines.length,
    connected: machines.filter((machine) => fleet.view(machine.name).connected).length,
    ...(record && { virtualRouterId: record.virtualRouterId, anchorAddress: record.anchorAddress }),
  };
}

function machineStatus(name: string, { truth, fleet }: StatusSources): JsonObject {
  const view = fleet.view(name);
  const problem = fleet.problemOf(name);
  return {
    connected: view.connected,
    ...(problem === undefined ? {} : { problem }),
    lagGenerations: lagOf(view, versionOf(truth)),
    owns: view.connected ? (view.report?.ownedInstances ?? []) : [],
    findings: [...findingsOf(view)],
  };
}

function clusterStatus(name: string, { truth, board }: StatusSources): JsonObject {
  const cluster = truth.site.clusters.get(name);
  const controlPlane = cluster && controlPlaneOf(cluster);
  const loadBalancers = [...truth.loadBalancers.values()].filter(({ wish }) => wish.cluster === name);
  return {
    nodes: truth.nodes.get(name)?.size ?? 0,
    loadBalancers: loadBalancers.length,
    addresses: truth.book.countOf(name),
    ...(controlPlane && { controlPlane: balancerStatus(controlPlane.id, { board }) ?? null }),
  };
}

function balancerStatus(id: string, { board }: Pick<StatusSources, 'board'>): JsonObject | undefined {
  const status = board.statusOf(id);
  if (status === undefined) return undefined;
  const { state, addresses, message } = status;
  return { state, addresses, ...(message === '' ? {} : { message }) };
}
