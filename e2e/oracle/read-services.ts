import type { ServiceFacts } from './observation.ts';

const PREFIX = 'fairlead.dev/';
const FINALIZER = 'fairlead.dev/load-balancer';

interface Service {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly type?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly { readonly port: number; readonly protocol?: string; readonly nodePort?: number }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
  };
}

/** Reads `kubectl get services --all-namespaces -o json`. */
export function readServices(json: string): ServiceFacts[] {
  return (JSON.parse(json) as { items: Service[] }).items.map(({ metadata, spec, status }) => ({
    uid: metadata.uid,
    name: `${metadata.namespace}/${metadata.name}`,
    resourceVersion: metadata.resourceVersion,
    isLoadBalancer: spec.type === 'LoadBalancer',
    deleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: metadata.finalizers?.includes(FINALIZER) === true,
    ingress: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
    ports: (spec.ports ?? []).map(({ port }) => port),
    nodePorts: (spec.ports ?? []).flatMap(({ nodePort }) => nodePort ?? []),
    claims: (spec.ports ?? []).map(({ protocol = 'TCP', port }) => `${protocol}/${port}`),
    ...sharingOf(metadata.annotations?.[`${PREFIX}sharing-key`]),
    app: spec.selector?.['app'],
    conditions: Object.fromEntries(
      (status?.conditions ?? [])
        .filter(({ type }) => type.startsWith(PREFIX))
        .map(({ type, status: value }) => [type.slice(PREFIX.length), value]),
    ),
  }));
}

function sharingOf(sharingKey: string | undefined): { readonly sharingKey?: string } {
  return sharingKey === undefined ? {} : { sharingKey };
}
