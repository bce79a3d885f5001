import {
  type Address,
  type AddressRange,
  familyOf,
  type MachineState,
  parseAddress,
  parseCidr,
  rangeContains,
  rangesOverlap,
} from '@fairlead/model';

/** The way to the pods of one node. */
export interface PodRoute {
  /** As the kernel writes it: canonical, with a prefix length. */
  readonly range: string;
  readonly via: Address;
}

/** Who has what range. `problems`: what cannot be routed, one sentence each. */
export interface PodRoutes {
  /** By range. */
  readonly routes: ReadonlyMap<string, PodRoute>;
  readonly problems: readonly string[];
}

export const NO_POD_ROUTES: PodRoutes = { routes: new Map(), problems: [] };

/**
 * The pod ranges of the nodes of clusters whose pods this machine has to find the way to. A range that would take
 * traffic away from the machine's own networks, or that another node has already, is left out. PURE.
 */
export function podRoutesOf({ nodeSets, config }: MachineState): PodRoutes {
  const routing = [...nodeSets.values()].filter(({ podRoutes }) => podRoutes);
  if (routing.length === 0) return NO_POD_ROUTES;
  const own = config.networks.flatMap(({ subnets }) => subnets.flatMap(rangeOf));
  const routes = new Map<string, PodRoute & { readonly parsed: AddressRange }>();
  const problems: string[] = [];
  for (const { cluster, nodes } of routing.sort((a, b) => (a.cluster < b.cluster ? -1 : 1))) {
    for (const { name, addresses, podCidrs } of [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      for (const text of podCidrs) {
        const [parsed] = rangeOf(text);
        const via = addresses.find((address) => familyOf(address) === parsed?.family);
        if (parsed === undefined || via === undefined) continue;
        const range = text.toLowerCase();
        const isTaken = [...routes.values()].some((other) => rangesOverlap(other.parsed, parsed));
        if (isTaken) problems.push(`pods of node ${cluster}/${name}: ${range} overlaps the range of another node`);
        else if (own.some((subnet) => rangesOverlap(subnet, parsed)))
          problems.push(`pods of node ${cluster}/${name}: ${range} overlaps a network of this machine`);
        else routes.set(range, { range, via, parsed });
      }
    }
  }
  return { routes: new Map([...routes].map(([range, { via }]) => [range, { range, via }])), problems };
}

/** Whether somebody at one of these addresses still needs the way. PURE. */
export function isNeeded({ range }: PodRoute, addresses: Iterable<Address>): boolean {
  const [parsed] = rangeOf(range);
  if (parsed === undefined) return false;
  for (const address of addresses) if (rangeContains(parsed, address)) return true;
  return false;
}

function rangeOf(text: string): AddressRange[] {
  const parsed = parseCidr(text);
  return parsed.ok ? [parsed.value] : [];
}

/** One line of `ip -j route show proto N`. */
export interface ListedPodRoute {
  readonly dst?: string;
  readonly gateway?: string;
}

/** Those that the kernel has; a host's address stands without a prefix length. PURE. */
export function listedPodRoutes(listed: readonly ListedPodRoute[]): ReadonlyMap<string, PodRoute> {
  const routes = new Map<string, PodRoute>();
  for (const { dst = '', gateway = '' } of listed) {
    const via = parseAddress(gateway);
    if (!via.ok) continue;
    const range = dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`;
    routes.set(range, { range, via: via.value });
  }
  return routes;
}
