import type { LoadBalancerFacts, SiteFacts } from './observation.ts';

/** Records of the cloudagent's store, each JSON. */
export interface StoredText {
  readonly holdings: readonly string[];
  readonly rests: readonly string[];
}

/** What the cloudagent was asked, each answer JSON. */
export interface SiteText {
  /** `fairlead show -o json` */
  readonly show: string;
  /** `fairlead get vippools -o json` */
  readonly pools: string;
  /** `fairlead get loadbalancersets -o json` */
  readonly sets: string;
  readonly stored: StoredText;
}

interface Shown {
  readonly machines?: readonly {
    readonly name: string;
    readonly connected?: boolean;
    readonly connectionError?: string;
    readonly lagGenerations?: number;
  }[];
  readonly loadBalancers?: readonly ShownLoadBalancer[];
}

interface ShownLoadBalancer {
  readonly cluster?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly ports?: readonly string[];
  readonly backends?: readonly { readonly target: string }[];
  readonly status?: {
    readonly id?: string;
    readonly addresses?: readonly string[];
    readonly state?: number;
    readonly message?: string;
  };
}

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec?: { readonly sharing?: string };
    readonly status?: Record<string, unknown>;
  }[];
}

/** Reads what the cloudagent says and stores. */
export function readSite(text: SiteText): SiteFacts {
  const shown = JSON.parse(text.show) as Shown;
  const { items: pools } = JSON.parse(text.pools) as Listed;
  const { items: sets } = JSON.parse(text.sets) as Listed;
  return {
    loadBalancers: (shown.loadBalancers ?? []).map(readLoadBalancer),
    pools: pools.map(({ metadata, spec, status = {} }) => ({
      name: metadata.name,
      total: Number(status['total'] ?? 0),
      free: Number(status['free'] ?? 0),
      held: Number(status['held'] ?? 0),
      quarantined: Number(status['quarantined'] ?? 0),
      reserved: Number(status['reserved'] ?? 0),
      sharing: spec?.sharing === 'cluster' ? 'cluster' : 'namespace',
    })),
    machines: (shown.machines ?? []).map(({ name, connected, connectionError, lagGenerations }) => ({
      name,
      connected: connected ?? false,
      problem: connectionError ?? '',
      lag: lagGenerations ?? 0,
    })),
    anchors: sets.flatMap(({ status }) => {
      const anchor = status?.['anchorAddress'];
      return typeof anchor === 'string' && anchor !== '' ? [anchor] : [];
    }),
    holdings: text.stored.holdings.flatMap(readHoldings),
    rests: text.stored.rests.map((record) => JSON.parse(record) as SiteFacts['rests'][number]),
  };
}

/** By the numbers of fairlead.v1.LoadBalancerStatus.State. */
const STATES: readonly (LoadBalancerFacts['state'] | undefined)[] = [undefined, 'PENDING', 'SERVING', 'REFUSED'];

function readLoadBalancer(shown: ShownLoadBalancer): LoadBalancerFacts {
  const { cluster = '', namespace = '', name = '', status = {} } = shown;
  return {
    id: status.id ?? '',
    name: [cluster, namespace, name].filter((part) => part !== '').join('/'),
    cluster,
    namespace,
    addresses: status.addresses ?? [],
    ports: (shown.ports ?? []).map((port) => Number(port.split('/')[0])),
    claims: (shown.ports ?? []).map((port) => port.split('/').toReversed().join('/')),
    state: STATES[status.state ?? 0] ?? 'PENDING',
    message: status.message ?? '',
    targets: (shown.backends ?? []).map(({ target }) => target),
  };
}

interface Stored {
  readonly address: string;
  readonly holder: { readonly id: string; readonly cluster: string; readonly namespace: string; readonly name: string };
  readonly share?: { readonly key: string };
}

/** One holder, or the list of those who share the address. */
function readHoldings(record: string): SiteFacts['holdings'] {
  const stored = JSON.parse(record) as Stored | readonly Stored[];
  return [stored].flat().map(({ address, holder: { id, cluster, namespace, name }, share }) => ({
    address,
    id,
    name: [cluster, namespace, name].filter((part) => part !== '').join('/'),
    ...(share === undefined ? {} : { sharingKey: share.key }),
  }));
}
