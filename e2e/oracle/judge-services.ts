import { sameTexts } from './endpoints.ts';
import type { LoadBalancerFacts, Observation, ServiceFacts } from './observation.ts';
import { violation, type Violation } from './violation.ts';

/** (b), first half: what a Service says is what the cloudagent holds for it, and nothing is held for a Service that is gone. */
export function judgeServices({ services, site }: Observation): Violation[] {
  if (services === undefined) return [];
  const held = new Map(site.loadBalancers.map((each) => [each.id, each]));
  const wanted = services.filter(({ isLoadBalancer, deleting }) => isLoadBalancer && !deleting);
  const alive = new Set(wanted.map(({ uid }) => uid));
  return [
    ...services.filter(({ uid }) => !alive.has(uid)).flatMap(whatIsLeft),
    ...wanted.flatMap((service) => judgeService(service, held.get(service.uid))),
    ...[...held.values()]
      .filter(({ id, namespace }) => namespace !== '' && !alive.has(id))
      .map(({ id, name, addresses }) =>
        violation(
          'leaked',
          `${name} (${id}) is held with ${addresses.join(', ') || 'no address'}, but there is no such Service.`,
        ),
      ),
  ];
}

/** Of a Service that is being deleted, or that is no load balancer (any more). */
function whatIsLeft({ name, deleting, hasFinalizer, ingress, conditions }: ServiceFacts): Violation[] {
  if (deleting && hasFinalizer) return [violation('not-finished', `Service ${name} waits to be deleted.`)];
  if (deleting) return [];
  const left = [
    ...(hasFinalizer ? ['our finalizer'] : []),
    ...(ingress.length > 0 ? [`address ${ingress.join(', ')}`] : []),
    ...(Object.keys(conditions).length > 0 ? [`conditions ${Object.keys(conditions).join(', ')}`] : []),
  ];
  return left.length === 0
    ? []
    : [violation('not-finished', `Service ${name} is not ours and has ${left.join(' and ')}.`)];
}

function judgeService(service: ServiceFacts, held: LoadBalancerFacts | undefined): Violation[] {
  const { name, uid, ingress, ports, nodePorts, conditions, hasFinalizer } = service;
  const said = ingress.join(', ') || 'no address';
  const refused = held === undefined || held.state === 'REFUSED';
  if (refused && isToldWhy(conditions)) {
    const has = held?.addresses ?? [];
    if (ingress.every((address) => has.includes(address))) return [];
    return [violation('not-told', `Service ${name} is refused and says ${said}, which it does not hold.`)];
  }
  if (held === undefined) {
    return [violation('lost', `Service ${name} (${uid}) says ${said} and is unknown to the cloudagent.`)];
  }
  const found: Violation[] = [];
  if (!sameTexts(ingress, held.addresses)) {
    found.push(
      violation('not-told', `Service ${name} says ${said}; held for it is ${held.addresses.join(', ') || 'nothing'}.`),
    );
  }
  for (const [type, status] of Object.entries(conditions)) {
    if (status !== 'True')
      found.push(violation('not-told', `Service ${name} with ${said} says that ${type} is ${status}.`));
  }
  if (!hasFinalizer) found.push(violation('not-told', `Service ${name} with ${said} has not our finalizer.`));
  if (!sameTexts(ports.map(String), held.ports.map(String))) {
    const other = `the cloudagent has ${held.ports.join(', ')}`;
    found.push(violation('not-told', `Service ${name} with ${said} asks for ports ${ports.join(', ')}; ${other}.`));
  }
  const targetPorts = held.targets.map((target) => target.slice(target.lastIndexOf(':') + 1));
  if (targetPorts.length > 0 && !sameTexts(targetPorts, nodePorts.map(String))) {
    const other = `its backends have ${[...new Set(targetPorts)].join(', ')}`;
    found.push(violation('not-told', `Service ${name} with ${said} has node ports ${nodePorts.join(', ')}; ${other}.`));
  }
  return found;
}

function isToldWhy(conditions: ServiceFacts['conditions']): boolean {
  return conditions['Accepted'] === 'False' || conditions['AddressAllocated'] === 'False';
}
