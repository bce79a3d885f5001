import type { LoadBalancerFacts, Observation, ServiceFacts, SiteFacts } from './observation.ts';
import { violation, type Violation } from './violation.ts';

/** (a), first half: one address has one holder, or several with one sharing key and no port in common. */
export function judgeShares({ site, services = [] }: Observation): Violation[] {
  return [...heldTwice(site), ...toldTwice(services, site)];
}

/** One who says that an address is its own. */
interface Claim {
  readonly text: string;
  /** Undefined: it shares with nobody. */
  readonly key: string | undefined;
  readonly cluster: string;
  readonly namespace: string;
  /** `TCP/80` */
  readonly claims: readonly string[];
}

function heldTwice({ loadBalancers, holdings, pools }: SiteFacts): Violation[] {
  const keys = new Map(holdings.map(({ address, id, sharingKey }) => [`${address} ${id}`, sharingKey]));
  const claimOf = ({ id, name, cluster, namespace, claims }: LoadBalancerFacts, address: string): Claim => {
    return { text: `${name} (${id})`, key: keys.get(`${address} ${id}`), cluster, namespace, claims };
  };
  return [...byAddress(loadBalancers, ({ addresses }) => addresses)].flatMap(([address, all]) => {
    const claims = all.map((each) => claimOf(each, address));
    const why = whyNot(claims, pools);
    const sentence = `${address} is held by ${claims.map(({ text }) => text).join(' and by ')}${why}.`;
    return why === undefined ? [] : [violation('held-twice', sentence)];
  });
}

function toldTwice(services: readonly ServiceFacts[], { pools }: SiteFacts): Violation[] {
  return [...byAddress(services, ({ ingress }) => ingress)].flatMap(([address, all]) => {
    const claims = all.map(({ name, sharingKey, claims: own }): Claim => {
      return { text: name, key: sharingKey, cluster: '', namespace: name.split('/')[0]!, claims: own };
    });
    const why = whyNot(claims, pools);
    const sentence = `${address} is the address of Services ${claims.map(({ text }) => text).join(' and ')}${why}.`;
    return why === undefined ? [] : [violation('held-twice', sentence)];
  });
}

function byAddress<T>(all: readonly T[], addressesOf: (each: T) => readonly string[]): ReadonlyMap<string, T[]> {
  const holders = new Map<string, T[]>();
  for (const each of all) {
    for (const address of addressesOf(each)) holders.set(address, [...(holders.get(address) ?? []), each]);
  }
  return holders;
}

/** Why they may not have one address together, as the end of a sentence; undefined: they may, or there is only one. */
function whyNot(claims: readonly Claim[], pools: SiteFacts['pools']): string | undefined {
  const [first, ...others] = claims;
  if (first === undefined || others.length === 0) return undefined;
  if (claims.some(({ key }) => key === undefined)) return '';
  if (others.some(({ key }) => key !== first.key)) return ', who have different sharing keys';
  if (others.some(({ cluster }) => cluster !== first.cluster)) return ', who are of different clusters';
  const isOneNamespace = others.every(({ namespace }) => namespace === first.namespace);
  if (!isOneNamespace && pools.every(({ sharing }) => sharing !== 'cluster'))
    return ', who are of different namespaces';
  const taken = claims.flatMap(({ claims: own }) => [...new Set(own)]);
  const twice = taken.find((each, index) => taken.indexOf(each) !== index);
  return twice === undefined ? undefined : `, who both have ${twice}`;
}
