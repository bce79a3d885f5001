import { usage } from './failure.ts';

/** What can be named on the command line. */
export interface Kind {
  /** As in documents. `Service` is no resource: it is what controllers ask for, and can only be looked at. */
  readonly kind: string;
  readonly singular: string;
  readonly plural: string;
  readonly short: string;
}

export const SERVICE: Kind = { kind: 'Service', singular: 'service', plural: 'services', short: 'svc' };

/** Those that refer to others come after them: the order to apply in, and the reverse of that to delete in. */
export const KINDS: readonly Kind[] = [
  { kind: 'Network', singular: 'network', plural: 'networks', short: 'net' },
  { kind: 'VipPool', singular: 'vippool', plural: 'vippools', short: 'vp' },
  { kind: 'NodeIpPool', singular: 'nodeippool', plural: 'nodeippools', short: 'nip' },
  { kind: 'LoadBalancerSet', singular: 'loadbalancerset', plural: 'loadbalancersets', short: 'lbs' },
  { kind: 'Machine', singular: 'machine', plural: 'machines', short: 'ma' },
  { kind: 'Cluster', singular: 'cluster', plural: 'clusters', short: 'cl' },
  { kind: 'LoadBalancer', singular: 'loadbalancer', plural: 'loadbalancers', short: 'lb' },
];

const GROUP = 'fairlead.dev';

/** The kind of a word in any case: plural, singular, short, with the group or without. Throws on any other. */
export function findKind(word: string): Kind {
  const wanted = word.toLowerCase().replace(`.${GROUP}`, '').replaceAll('-', '');
  const known = [...KINDS, SERVICE];
  const found = known.find(({ singular, plural, short }) => [singular, plural, short].includes(wanted));
  if (found !== undefined) return found;
  const list = known.map(({ plural, short }) => `${plural} (${short})`).join(', ');
  throw usage(`there is no kind ${JSON.stringify(word)}: write one of ${list}, or all`);
}

/** `vippool.fairlead.dev/default`: what `-o name` prints, and what every command takes. */
export function qualifiedName(kind: string, name: string): string {
  return `${kind.toLowerCase()}.${GROUP}/${name}`;
}

/** One kind, and the names asked for; none: all of them. */
export interface Selection {
  readonly kind: Kind;
  readonly names: readonly string[];
}

/** Reads `KIND`, `KIND,KIND`, `all`, `KIND NAME…` or `KIND/NAME…`, as kubectl does. */
export function parseSelections(words: readonly string[]): Selection[] {
  const [first, ...rest] = words;
  if (first === undefined)
    throw usage('say what: for example `fairlead get vippools`; `fairlead get --help` lists the kinds');
  if (first.includes('/')) return words.map(parseOne);
  const misplaced = rest.find((word) => word.includes('/') && findKindOrUndefined(word.split('/')[0]!) !== undefined);
  if (misplaced !== undefined)
    throw usage(`${first} ${misplaced} mixes two ways of naming: write KIND NAME… or KIND/NAME…`);
  const kinds = first.toLowerCase() === 'all' ? [...KINDS] : first.split(',').map(findKind);
  return kinds.map((kind) => ({ kind, names: rest }));
}

function parseOne(word: string): Selection {
  const slash = word.indexOf('/');
  const name = word.slice(slash + 1);
  if (slash <= 0 || name === '') throw usage(`${JSON.stringify(word)} is not KIND/NAME`);
  return { kind: findKind(word.slice(0, slash)), names: [name] };
}

function findKindOrUndefined(word: string): Kind | undefined {
  try {
    return findKind(word);
  } catch {
    return undefined;
  }
}
