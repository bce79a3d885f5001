import {
  formatEndpoint,
  type LoadBalancer,
  type MachineReport,
  type Node,
  nodeAddressFor,
  type Port,
} from '@fairlead/model';
import { type pb, versionToProto } from '@fairlead/rpc';
import { findingsOf } from './findings.ts';
import { lagOf } from '../machines/link.ts';
import { poolUsage } from './pool-usage.ts';
import type { StatusSources } from './resource-status.ts';
import { machinesOf } from '../truth/site.ts';
import { compareText } from '../truth/site.ts';
import { statusToProto } from '../status/proto.ts';
import { setOf } from '../truth/declared.ts';
import { type HeldLoadBalancer, versionOf } from '../truth/truth.ts';

/** What `fairlead show` is read from. */
export interface ShowSources extends StatusSources {
  readonly siteName: string;
  /** Clusters whose controller watches now. */
  readonly watching: ReadonlySet<string>;
  /** What keeps the cloudagent itself from its work, each one sentence. */
  readonly problems: readonly string[];
}

/** The whole site, each list in order of name. */
export function showSite(sources: ShowSources): pb.ShowResponse.$Properties {
  const { truth, now, siteName, problems } = sources;
  return {
    site: siteName,
    problems: [...problems],
    version: versionToProto(versionOf(truth)),
    clusters: [...truth.site.clusters.keys()].map((name) => clusterView(name, sources)),
    pools: poolUsage(truth, now).map(({ name, total, free, held, quarantined }) => ({
      name,
      total: String(total),
      free: String(free),
      held: Number(held),
      quarantined: Number(quarantined),
    })),
    machines: [...truth.site.machines.keys()].map((name) => machineView(name, sources)),
    loadBalancers: [...truth.loadBalancers.values()]
      .sort((a, b) => compareText(sortKey(a.wish), sortKey(b.wish)))
      .map((held) => loadBalancerView(held, sources)),
  };
}

function sortKey({ cluster, namespace, name, id }: LoadBalancer): string {
  return JSON.stringify([cluster, namespace, name, id]);
}

function clusterView(name: string, { truth, watching }: ShowSources): pb.ClusterView.$Properties {
  const session = truth.sessions.get(name);
  return {
    name,
    session: session?.number ?? 0,
    sessionHolder: session?.holder ?? '',
    watching: watching.has(name),
    nodes: [...(truth.nodes.get(name)?.keys() ?? [])].sort(compareText),
  };
}

function machineView(name: string, { truth, fleet }: ShowSources): pb.MachineView.$Properties {
  const { spec } = truth.site.machines.get(name)!;
  const view = fleet.view(name);
  const { report } = view;
  return {
    name,
    loadBalancerSet: spec.loadBalancerSet,
    agentAddress: formatEndpoint(spec.agentAddress, spec.agentPort),
    connected: view.connected,
    connectionError: fleet.problemOf(name) ?? '',
    applied: report && versionToProto(report.applied),
    lagGenerations: lagOf(view, versionOf(truth)),
    ownedInstances: view.connected ? [...(report?.ownedInstances ?? [])] : [],
    findings: [...findingsOf(view)],
    capabilities: report?.capabilities,
  };
}

function loadBalancerView(held: HeldLoadBalancer, sources: ShowSources): pb.LoadBalancerView.$Properties {
  const { wish, served } = held;
  const status = sources.board.statusOf(wish.id);
  return {
    status: status && statusToProto(status),
    cluster: wish.cluster,
    namespace: wish.namespace,
    name: wish.name,
    ports: wish.ports.map(({ port, protocol }) => `${port}/${protocol}`),
    backends: served === undefined ? [] : backendsOf(served, sources),
    draining: served === undefined ? [] : drainingOf(served, sources),
  };
}

function backendsOf(served: LoadBalancer, { truth, fleet }: ShowSources): pb.BackendView.$Properties[] {
  const nodes = [...(truth.nodes.get(served.cluster)?.values() ?? [])].sort((a, b) => compareText(a.name, b.name));
  const machines = machinesOf(truth.site, setOf(served, truth.site) ?? '').map(({ name }) => fleet.view(name));
  const reports = machines.flatMap(({ connected, report }) => (connected && report ? [report] : []));
  return served.ports.flatMap((port) =>
    targetsOf(port, served, nodes).map(({ name, target }) => ({
      name,
      target,
      up: !isDown(reports, served.id, port, name),
    })),
  );
}

function drainingOf(served: LoadBalancer, { truth, fleet }: ShowSources): pb.DrainingView.$Properties[] {
  const machines = machinesOf(truth.site, setOf(served, truth.site) ?? '');
  const all = machines.flatMap(({ name: machine }) => {
    const { connected, report } = fleet.view(machine);
    const draining = connected && report ? report.draining : [];
    return draining
      .filter(({ loadBalancerId }) => loadBalancerId === served.id)
      .map(({ backend, port, connections, seconds }) => ({ machine, backend, port, connections, seconds }));
  });
  return all.sort((a, b) => compareText(`${a.backend} ${a.machine}`, `${b.backend} ${b.machine}`));
}

function targetsOf(
  { target }: Port,
  { families }: LoadBalancer,
  nodes: readonly Node[],
): { name: string; target: string }[] {
  if (target.kind === 'endpoints') {
    return target.endpoints.map(({ name, address, port }) => ({ name, target: formatEndpoint(address, port) }));
  }
  const { nodePort, nodes: named } = target;
  return nodes
    .filter(({ name, eligible }) => eligible && (named === 'all' || named.includes(name)))
    .flatMap((node) => {
      const addresses = new Set(families.flatMap((family) => nodeAddressFor(node, family, families) ?? []));
      return [...addresses].map((address) => ({ name: node.name, target: formatEndpoint(address, nodePort) }));
    });
}

/** Up where a machine can say so: down only when all that could see it say down. */
function isDown(reports: readonly MachineReport[], id: string, { port }: Port, backend: string): boolean {
  const says = ({ down }: MachineReport) =>
    down.some((one) => one.loadBalancerId === id && one.port === port && one.backend === backend);
  return reports.length > 0 && reports.every(says);
}
