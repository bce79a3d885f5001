import { compareAddresses, parseAddress, parseRange, rangeContains } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import type { ListedResource } from './document.ts';
import { renderYaml } from './document.ts';
import { declaredView, isService, machineState, stateOf, troubleOf, viewName } from './site-view.ts';
import type { SiteView } from './site-view.ts';
import { NONE, renderTable } from './table.ts';

type View = SiteView['loadBalancers'][number];

/** Everything the site says of one resource. PURE. */
export function describeResource(resource: ListedResource, site: SiteView): string {
  const { document, declaredIn } = resource;
  const { kind, metadata, spec } = document;
  const labels = Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const head: Field[] = [
    ['Name', metadata.name],
    ['Kind', kind],
    ['Labels', labels.join(', ')],
    ['Declared in', declaredIn === '' ? 'the site (no file)' : declaredIn],
  ];
  return fields(head) + block('Spec', renderYaml(spec)) + (STATUS[kind]?.(metadata.name, site, resource) ?? '');
}

/** Everything the site says of one Service's load balancer. PURE. */
export function describeService(view: View): string {
  const head: Field[] = [
    ['Name', view.name],
    ['Namespace', view.namespace],
    ['Cluster', view.cluster],
  ];
  return fields(head) + balancerStatus(view);
}

type Field = readonly [name: string, value: string];

const STATUS: Readonly<Record<string, (name: string, site: SiteView, resource: ListedResource) => string>> = {
  VipPool: poolStatus,
  Machine: machineStatus,
  Cluster: clusterStatus,
  LoadBalancerSet: (name, { machines }) => {
    const members = machines.filter(({ loadBalancerSet }) => loadBalancerSet === name);
    return list(
      'Machines',
      members.map((view) => [view.name, view.agentAddress, machineState(view), owned(view.ownedInstances)]),
    );
  },
  LoadBalancer: (name, site) => {
    const view = declaredView(site, `static/${name}`);
    return view === undefined ? '' : balancerStatus(view);
  },
};

function poolStatus(name: string, site: SiteView, { document }: ListedResource): string {
  const view = site.pools.find((pool) => pool.name === name);
  const counts = fields([
    ['Total', view?.total ?? ''],
    ['Free', view?.free ?? ''],
    ['Held', `${view?.held ?? ''}`],
    ['Resting', `${view?.quarantined ?? ''}`],
  ]);
  return counts + list('Held by', holdersIn(document.spec['ranges'], site));
}

/** Address and name of every load balancer that has one in these ranges, by address. */
function holdersIn(ranges: unknown, { loadBalancers }: SiteView): string[][] {
  const parsed = (Array.isArray(ranges) ? ranges : []).map((range) => parseRange(String(range)));
  const isInside = (address: Address) => parsed.some((range) => range.ok && rangeContains(range.value, address));
  const held = loadBalancers.flatMap((view) =>
    (view.status?.addresses ?? []).flatMap((text) => {
      const address = parseAddress(text);
      return address.ok && isInside(address.value) ? [{ address: address.value, name: viewName(view) }] : [];
    }),
  );
  return held.sort((a, b) => compareAddresses(a.address, b.address)).map(({ address, name }) => [address, name]);
}

function machineStatus(name: string, site: SiteView): string {
  const view = site.machines.find((machine) => machine.name === name);
  if (view === undefined) return '';
  const { applied, capabilities } = view;
  const status = fields([
    ['Status', machineState(view)],
    ['Error', view.connectionError],
    ['Owns', view.ownedInstances.join(', ')],
    ['Applied', applied ? `epoch ${applied.epoch}, generation ${applied.generation}` : ''],
    ['lbagent', capabilities?.agentVersion ?? ''],
    ['HAProxy', capabilities?.haproxyVersion ?? ''],
    ['keepalived', capabilities?.keepalivedVersion ?? ''],
    ['Kernel', capabilities?.kernelVersion ?? ''],
  ]);
  return (
    status +
    list(
      'Findings',
      view.findings.map((finding) => [finding]),
    )
  );
}

function clusterStatus(name: string, site: SiteView): string {
  const view = site.clusters.find((cluster) => cluster.name === name);
  const controlPlane = declaredView(site, `control-plane/${name}`);
  const services = site.loadBalancers.filter((each) => isService(each) && each.cluster === name);
  const controller = view?.watching === true ? `${view.sessionHolder} (session ${view.session})` : 'not connected';
  return [
    fields([
      ['Controller', controller],
      ['Nodes', view?.nodes.join(', ') ?? ''],
    ]),
    controlPlane === undefined ? '' : block('Control plane', balancerStatus(controlPlane)),
    list(
      'Services',
      services.map((each) => [
        `${each.namespace}/${each.name}`,
        each.status?.addresses.join(',') ?? '',
        each.ports.join(','),
        stateOf(each),
      ]),
    ),
  ].join('');
}

function balancerStatus(view: View): string {
  const { status, ports, backends, draining } = view;
  const machines = (status?.machines ?? []).map(({ machine, connected, applied, owner }) => {
    const state = !connected ? 'not connected' : applied ? 'applied' : 'not applied yet';
    return [machine, state, owner ? 'owner' : ''];
  });
  return [
    fields([
      ['Status', stateOf(view)],
      ['Message', troubleOf(view)],
      ['Addresses', status?.addresses.join(', ') ?? ''],
      ['Ports', ports.join(', ')],
    ]),
    list('Machines', machines),
    list(
      'Backends',
      backends.map(({ name, target, up }) => [name, target, up ? 'up' : 'down']),
    ),
    ...(draining.length === 0 ? [] : [list('Draining', draining.map(drainingRow))]),
  ].join('');
}

function drainingRow({ backend, port, machine, connections, seconds }: View['draining'][number]): string[] {
  return [backend, `port ${port}`, `${connections} connections`, `on ${machine}`, `for ${seconds}s`];
}

function fields(entries: readonly Field[]): string {
  const shown = entries.map(([name, value]) => [`${name}:`, value === '' ? NONE : value]);
  return renderTable({ header: [], rows: shown }, false, [WIDTH]);
}

const WIDTH = 14;

function block(title: string, body: string): string {
  const lines = body.trimEnd().split('\n');
  return `${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function list(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return fields([[title, '']]);
  return block(title, renderTable({ header: [], rows }, false));
}

function owned(instances: readonly string[]): string {
  return instances.length === 0 ? 'standby' : `owns ${instances.join(', ')}`;
}

/** `prod/shop/front`, and any end of it that begins after a slash. PURE. */
export function matchesName(view: View, name: string): boolean {
  const full = viewName(view);
  return full === name || full.endsWith(`/${name}`);
}
