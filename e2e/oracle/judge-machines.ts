import { endpointsOf, sameTexts } from './endpoints.ts';
import type { LoadBalancerFacts, MachineFacts, MachineInside, Observation, SiteFacts } from './observation.ts';
import { violation, type Violation } from './violation.ts';

/**
 * (b), second half: each LB machine renders, runs and catches exactly what is to be served. (d) Nothing else. (e) Each
 * address is on exactly one machine.
 */
export function judgeMachines({ site, machines }: Observation): Violation[] {
  const wanted = wantedOf(site);
  return [
    ...machines.flatMap(({ name, inside }) => {
      if (inside === undefined) return [];
      return [...judgeRoutes(name, inside, wanted), ...judgeKernel(name, inside, wanted)];
    }),
    ...judgeOwners(site, machines, wanted),
    ...machines.flatMap((machine) => judgeConnection(machine, site)),
  ];
}

interface Wanted {
  /** By ADDRESS:PORT; whatever must be served. */
  readonly must: ReadonlyMap<string, LoadBalancerFacts>;
  /** What may be: what a refused wish served before. */
  readonly may: ReadonlyMap<string, LoadBalancerFacts>;
}

function wantedOf({ loadBalancers }: SiteFacts): Wanted {
  const of = (all: readonly LoadBalancerFacts[]) =>
    new Map(all.flatMap((each) => endpointsOf(each).map((endpoint) => [endpoint, each] as const)));
  return { must: of(loadBalancers.filter(({ state }) => state !== 'REFUSED')), may: of(loadBalancers) };
}

function judgeRoutes(machine: string, { file, running }: MachineInside, { must, may }: Wanted): Violation[] {
  const found: Violation[] = [];
  if (running === undefined) found.push(violation('not-rendered', `HAProxy on ${machine} does not answer.`));
  const places = [['haproxy.cfg', file] as const, ...(running ? [['the running HAProxy', running] as const] : [])];
  for (const [place, routes] of places) {
    for (const [endpoint, { name }] of must) {
      if (routes[endpoint] !== undefined) continue;
      found.push(violation('not-rendered', `${name} at ${endpoint} is not in ${place} on ${machine}.`));
    }
    for (const endpoint of Object.keys(routes)) {
      if (may.has(endpoint)) continue;
      found.push(violation('nobody-asked', `${endpoint} is in ${place} on ${machine}, and nobody asked for it.`));
    }
    found.push(...judgeServers({ machine, place, routes }, must));
  }
  return found;
}

interface Rendered {
  readonly machine: string;
  readonly place: string;
  readonly routes: MachineInside['file'];
}

/** A load balancer's targets are known for all its ports together. */
function judgeServers({ machine, place, routes }: Rendered, must: Wanted['must']): Violation[] {
  return [...new Set(must.values())].flatMap((each) => {
    const endpoints = endpointsOf(each).filter((endpoint) => routes[endpoint] !== undefined);
    const servers = endpoints.flatMap((endpoint) => routes[endpoint] ?? []);
    if (endpoints.length === 0 || sameTexts(servers, each.targets)) return [];
    const has = `has servers ${[...new Set(servers)].join(', ') || 'none'}`;
    const sentence = `${each.name} at ${endpoints.join(', ')} ${has} in ${place} on ${machine}; its backends are ${each.targets.join(', ') || 'none'}.`;
    return [violation('not-rendered', sentence)];
  });
}

function judgeKernel(machine: string, { caught }: MachineInside, { must, may }: Wanted): Violation[] {
  const missing = [...must]
    .filter(([endpoint]) => !caught.includes(endpoint))
    .map(([endpoint, { name }]) =>
      violation('not-in-kernel', `${name} at ${endpoint} is not caught by nftables on ${machine}.`),
    );
  const strange = caught
    .filter((endpoint) => !may.has(endpoint))
    .map((endpoint) =>
      violation('nobody-asked', `${endpoint} is caught by nftables on ${machine}, and nobody asked for it.`),
    );
  return [...missing, ...strange];
}

function judgeOwners(site: SiteFacts, machines: readonly MachineFacts[], { must, may }: Wanted): Violation[] {
  const holders = new Map(site.anchors.map((anchor) => [anchor, 'the anchor']));
  for (const each of must.values()) for (const address of each.addresses) holders.set(address, each.name);
  const allowed = new Set([...holders.keys(), ...[...may.values()].flatMap(({ addresses }) => addresses)]);
  const ownersOf = (address: string) =>
    machines.filter(({ inside }) => inside?.addresses.includes(address) === true).map(({ name }) => name);
  const found = [...holders].flatMap(([address, name]) => {
    const owners = ownersOf(address);
    if (owners.length === 1) return [];
    return [violation('not-one-owner', `${address} of ${name} is on ${owners.join(' and ') || 'no machine'}.`)];
  });
  for (const { name, addresses: own, inside } of machines) {
    for (const address of inside?.addresses ?? []) {
      if (own.includes(address) || allowed.has(address)) continue;
      found.push(violation('nobody-asked', `${address} is on a link of ${name}, and nobody asked for it.`));
    }
  }
  return found;
}

function judgeConnection({ name, inside }: MachineFacts, { machines }: SiteFacts): Violation[] {
  if (inside === undefined) return [violation('not-connected', `${name} could not be asked what it serves.`)];
  const known = machines.find((each) => each.name === name);
  if (known?.connected !== true) {
    return [
      violation(
        'not-connected',
        `${name} has no connection with the cloudagent: ${known?.problem ?? 'it is not known there'}.`,
      ),
    ];
  }
  if (known.lag === 0) return [];
  return [violation('not-connected', `${name} is ${known.lag} generations behind.`)];
}
