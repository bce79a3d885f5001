import { formatEndpoint } from '@fairlead/model';
import type { ListedResource } from './document.ts';
import {
  backendsUp,
  declaredView,
  drainingText,
  isService,
  machineState,
  machineTroubles,
  stateOf,
  troubleOf,
} from './site-view.ts';
import type { SiteView } from './site-view.ts';
import { NONE, orNone } from './table.ts';
import type { Table } from './table.ts';

interface Column {
  readonly title: string;
  /** Only with `-o wide`. */
  readonly wide?: true;
  readonly cell: (resource: ListedResource, site: SiteView) => string;
}

const NAME: Column = { title: 'NAME', cell: ({ document }) => document.metadata.name };
const DECLARED_IN: Column = { title: 'DECLARED IN', wide: true, cell: ({ declaredIn }) => orNone(declaredIn) };

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Network: [
    { title: 'SUBNETS', cell: list('subnets') },
    { title: 'GATEWAYS', cell: list('gateways') },
    { title: 'DNS', wide: true, cell: list('dns') },
    { title: 'MTU', wide: true, cell: text('mtu') },
  ],
  VipPool: [
    { title: 'NETWORK', cell: text('network') },
    { title: 'RANGES', cell: list('ranges') },
    { title: 'TOTAL', cell: pool(({ total }) => total) },
    { title: 'FREE', cell: pool(({ free }) => free) },
    { title: 'HELD', cell: pool(({ held }) => `${held}`) },
    { title: 'RESTING', cell: pool(({ quarantined }) => `${quarantined}`) },
    { title: 'PRIORITY', wide: true, cell: text('priority', '0') },
    { title: 'AUTO', wide: true, cell: text('autoAssign', 'true') },
    { title: 'CLUSTERS', wide: true, cell: list('clusters', 'all') },
  ],
  NodeIpPool: [
    { title: 'NETWORK', cell: text('network') },
    { title: 'RANGES', cell: list('ranges') },
  ],
  LoadBalancerSet: [
    { title: 'MACHINES', cell: machinesOfSet },
    { title: 'VIP POOLS', cell: list('vipPools') },
    { title: 'MODE', cell: text('mode', 'active-passive') },
    { title: 'NODE IP POOL', wide: true, cell: text('nodeIpPool') },
    { title: 'SIZE', wide: true, cell: ({ document }) => sizeText(document.spec['size']) },
  ],
  Machine: [
    { title: 'SET', cell: text('loadBalancerSet') },
    { title: 'ADDRESS', cell: text('agentAddress') },
    { title: 'STATUS', cell: machine(machineState) },
    { title: 'OWNS', cell: machine(({ ownedInstances }) => orNone(ownedInstances.join(','))) },
    {
      title: 'GENERATION',
      wide: true,
      cell: machine(({ applied }) => (applied ? `${applied.epoch}/${applied.generation}` : NONE)),
    },
    { title: 'HAPROXY', wide: true, cell: machine(({ capabilities }) => orNone(capabilities?.haproxyVersion ?? '')) },
    {
      title: 'KEEPALIVED',
      wide: true,
      cell: machine(({ capabilities }) => orNone(capabilities?.keepalivedVersion ?? '')),
    },
    { title: 'KERNEL', wide: true, cell: machine(({ capabilities }) => orNone(capabilities?.kernelVersion ?? '')) },
    { title: 'MESSAGE', wide: true, cell: machine((view) => orNone(machineTroubles(view).join('; '))) },
  ],
  Cluster: [
    { title: 'SET', cell: text('loadBalancerSet') },
    { title: 'CONTROL PLANE', cell: controlPlane },
    { title: 'NODES', cell: cluster(({ nodes }) => `${nodes.length}`) },
    { title: 'SERVICES', cell: servicesOf },
    {
      title: 'CONTROLLER',
      cell: cluster(({ watching, sessionHolder }) => (watching ? orNone(sessionHolder) : 'NotConnected')),
    },
    { title: 'NODE CIDRS', wide: true, cell: list('nodeCIDRs') },
  ],
  LoadBalancer: [
    { title: 'SET', cell: text('loadBalancerSet') },
    { title: 'ADDRESS', cell: balancer((view) => orNone(view.status?.addresses.join(',') ?? '')) },
    { title: 'PORTS', cell: balancer(({ ports }) => ports.join(',')) },
    { title: 'BACKENDS', cell: balancer(backendsUp) },
    { title: 'STATUS', cell: balancer(stateOf) },
    { title: 'DRAINING', wide: true, cell: balancer((view) => orNone(drainingText(view))) },
    { title: 'MESSAGE', wide: true, cell: balancer((view) => orNone(troubleOf(view))) },
  ],
};

/** What `get` prints for resources of one kind, in order of name. PURE. */
export function resourceTable(
  kind: string,
  resources: readonly ListedResource[],
  site: SiteView,
  wide: boolean,
): Table {
  const columns = [NAME, ...(COLUMNS[kind] ?? []), DECLARED_IN].filter((column) => wide || column.wide !== true);
  const sorted = [...resources].sort((a, b) => (a.document.metadata.name < b.document.metadata.name ? -1 : 1));
  return {
    header: columns.map(({ title }) => title),
    rows: sorted.map((resource) => columns.map(({ cell }) => cell(resource, site))),
  };
}

/** What `get services` prints: the load balancers that controllers ask for. PURE. */
export function serviceTable(site: SiteView, wide: boolean, chosen: (name: string) => boolean = () => true): Table {
  const views = site.loadBalancers.filter(
    (view) => isService(view) && chosen(`${view.cluster}/${view.namespace}/${view.name}`),
  );
  const header = [
    'CLUSTER',
    'NAMESPACE',
    'NAME',
    'ADDRESS',
    'PORTS',
    'BACKENDS',
    'STATUS',
    ...(wide ? ['DRAINING', 'MESSAGE'] : []),
  ];
  const rows = views.map((view) => {
    const address = orNone(view.status?.addresses.join(',') ?? '');
    const cells = [
      view.cluster,
      view.namespace,
      view.name,
      address,
      view.ports.join(','),
      backendsUp(view),
      stateOf(view),
    ];
    return wide ? [...cells, orNone(drainingText(view)), orNone(troubleOf(view))] : cells;
  });
  return { header, rows: rows.sort((a, b) => (a.slice(0, 3).join('/') < b.slice(0, 3).join('/') ? -1 : 1)) };
}

function text(field: string, otherwise: string = NONE): Column['cell'] {
  return ({ document }) => plain(document.spec[field]) ?? otherwise;
}

function list(field: string, otherwise: string = NONE): Column['cell'] {
  return ({ document }) => {
    const value = document.spec[field];
    return Array.isArray(value) && value.length > 0 ? value.map(String).join(',') : otherwise;
  };
}

function plain(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined;
}

function sizeText(size: unknown): string {
  if (typeof size !== 'object' || size === null) return plain(size) ?? NONE;
  const { cpus, memory } = size as Record<string, unknown>;
  return `${plain(cpus) ?? '?'} CPU, ${plain(memory) ?? '?'}`;
}

function pool(cell: (view: SiteView['pools'][number]) => string): Column['cell'] {
  return view(({ pools }) => pools, cell);
}

function machine(cell: (view: SiteView['machines'][number]) => string): Column['cell'] {
  return view(({ machines }) => machines, cell);
}

function cluster(cell: (view: SiteView['clusters'][number]) => string): Column['cell'] {
  return view(({ clusters }) => clusters, cell);
}

function balancer(cell: (view: SiteView['loadBalancers'][number]) => string): Column['cell'] {
  return ({ document }, site) => {
    const found = declaredView(site, `static/${document.metadata.name}`);
    return found === undefined ? NONE : cell(found);
  };
}

function view<View extends { readonly name: string }>(
  views: (site: SiteView) => readonly View[],
  cell: (view: View) => string,
): Column['cell'] {
  return ({ document }, site) => {
    const found = views(site).find(({ name }) => name === document.metadata.name);
    return found === undefined ? NONE : cell(found);
  };
}

function machinesOfSet({ document }: ListedResource, { machines }: SiteView): string {
  const members = machines.filter(({ loadBalancerSet }) => loadBalancerSet === document.metadata.name);
  return `${members.filter(({ connected }) => connected).length}/${plain(document.spec['count']) ?? '2'}`;
}

function controlPlane({ document }: ListedResource, site: SiteView): string {
  const address = declaredView(site, `control-plane/${document.metadata.name}`)?.status?.addresses[0];
  const spec = document.spec['controlPlane'];
  if (typeof spec !== 'object' || spec === null) return NONE;
  const port = (spec as Record<string, unknown>)['port'] ?? 6443;
  return address === undefined ? '<pending>' : formatEndpoint(address, Number(port));
}

function servicesOf({ document }: ListedResource, { loadBalancers }: SiteView): string {
  return `${loadBalancers.filter((each) => isService(each) && each.cluster === document.metadata.name).length}`;
}
