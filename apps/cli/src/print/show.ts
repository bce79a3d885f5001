import type { Paint } from './colour.ts';
import { machineState, stateOf, troubleOf, viewName } from './site-view.ts';
import type { SiteView } from './site-view.ts';
import { NONE, orNone, renderTable } from './table.ts';

type View = SiteView['loadBalancers'][number];

/** The site on one screen: machines, clusters, every load balancer with VIP, machines and backends, pools. PURE. */
export function renderShow(site: SiteView, paint: Paint, chosen: (name: string) => boolean = () => true): string {
  const balancers = [...site.loadBalancers].filter((view) => chosen(viewName(view))).sort(byName);
  const version = site.version ? `, epoch ${site.version.epoch}, generation ${site.version.generation}` : '';
  const problems = site.problems.map((problem) => `  ${paint.bad('!')} ${problem}\n`).join('');
  const sections = [
    `${paint.bold(`Site ${site.site}`)}${paint.dim(version)}\n${problems}`,
    section('Machines', site.machines.length, machines(site, paint), paint),
    section('Clusters', site.clusters.length, clusters(site, paint), paint),
    section('Load balancers', balancers.length, balancers.map((view) => balancer(view, paint)).join(''), paint),
    section('Pools', site.pools.length, pools(site, paint), paint),
  ];
  return sections.join('\n');
}

function section(title: string, count: number, body: string, paint: Paint): string {
  return `${paint.bold(title)}\n${count === 0 ? `  ${NONE}\n` : body}`;
}

function machines({ machines }: SiteView, paint: Paint): string {
  const rows = [...machines].sort(byName).map((view) => {
    const state = machineState(view);
    const owns = view.ownedInstances.length === 0 ? 'standby' : `owns ${view.ownedInstances.join(', ')}`;
    return [
      `  ${view.name}`,
      view.agentAddress,
      view.loadBalancerSet,
      (state === 'Ready' ? paint.good : paint.bad)(state),
      view.connected ? owns : view.connectionError,
    ];
  });
  const findings = machines.flatMap(({ name, findings }) =>
    findings.map((finding) => `  ${paint.bad('!')} ${name}: ${finding}\n`),
  );
  return renderTable({ header: [], rows }, false) + findings.join('');
}

function clusters({ clusters, loadBalancers }: SiteView, paint: Paint): string {
  const rows = [...clusters].sort(byName).map(({ name, nodes, watching, sessionHolder }) => {
    const services = loadBalancers.filter((view) => view.cluster === name && view.namespace !== '');
    const serving = services.filter((view) => stateOf(view) === 'Serving').length;
    const controller = watching
      ? paint.good(`controller ${orNone(sessionHolder)}`)
      : paint.bad('no controller connected');
    return [
      `  ${name}`,
      counted(nodes.length, 'node'),
      `${serving} of ${counted(services.length, 'Service')} serving`,
      controller,
    ];
  });
  return renderTable({ header: [], rows }, false);
}

/** Name and state, then where it is served and by whom. */
function balancer(view: View, paint: Paint): string {
  const state = stateOf(view);
  const marked = (state === 'Serving' ? paint.good : state === 'Refused' ? paint.bad : paint.dim)(state);
  const address = view.status?.addresses.join(', ') ?? '';
  const lines = [`  ${viewName(view)}  ${address === '' ? 'no address' : address}  ${view.ports.join(' ')}  ${marked}`];
  const trouble = troubleOf(view);
  if (trouble !== '') lines.push(`    ${paint.bad('!')} ${trouble}`);
  if (view.status !== null && view.status !== undefined && view.status.machines.length > 0) {
    const served = view.status.machines.map(({ machine, owner, applied, connected }) => {
      const note = !connected
        ? paint.bad(' (not connected)')
        : !applied
          ? paint.bad(' (not applied yet)')
          : owner
            ? ' (owner)'
            : '';
      return machine + note;
    });
    lines.push(`    on ${served.join(', ')}`);
  }
  for (const { target, names } of groupedBackends(view, paint)) lines.push(`    -> ${names}${paint.dim(target)}`);
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** All that answer in one line, then each that does not. */
function groupedBackends({ backends }: View, paint: Paint): { names: string; target: string }[] {
  const text = ({ name, target }: View['backends'][number]) => (name === target ? target : `${name} ${target}`);
  const up = backends.filter((backend) => backend.up).map(text);
  const down = backends.filter((backend) => !backend.up);
  if (backends.length === 0) return [{ names: paint.bad('no backend'), target: '' }];
  const first = up.length === 0 ? [] : [{ names: `${paint.good('up')}    `, target: up.join(', ') }];
  return [...first, ...down.map((backend) => ({ names: `${paint.bad('down')}  `, target: text(backend) }))];
}

function pools({ pools }: SiteView, paint: Paint): string {
  const rows = [...pools].sort(byName).map(({ name, free, total, held, quarantined }) => {
    const resting = quarantined > 0 ? `, ${quarantined} resting` : '';
    const text = `${free} of ${total} addresses free`;
    return [`  ${name}`, free === '0' ? paint.bad(text) : text, `${held} held${resting}`];
  });
  return renderTable({ header: [], rows }, false);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  const [left, right] = [a, b].map((each) => ('ports' in each ? viewName(each as View) : each.name));
  return left! < right! ? -1 : left! > right! ? 1 : 0;
}
