import type { Labels } from '@fairlead/model';
import type { Cache } from './cache.ts';
import { createCache } from './cache.ts';
import type { Kind, ListWatchOptions, WatchHealth } from './list-watch.ts';
import { followKind, newHealth } from './list-watch.ts';
import { narrowNamespace, narrowNode, narrowService, narrowSlice } from './narrow.ts';
import type { NamespaceObject, NodeObject, ServiceObject, SliceObject } from './objects.ts';
import { keyOf } from './objects.ts';

/** The Kubernetes cluster as the controller sees it, and the marks that its changes leave. */
export interface Cluster {
  service(key: string): ServiceObject | undefined;
  /** Keys of all Services that may concern us. */
  serviceKeys(): readonly string[];
  services(): IterableIterator<ServiceObject>;
  nodes(): readonly NodeObject[];
  /** Undefined: the namespace has not been seen yet. */
  namespaceLabels(namespace: string): Labels | undefined;
  /** EndpointSlices of the Service, in order of name; undefined: none of them has been seen yet. */
  slices(serviceKey: string): readonly SliceObject[] | undefined;
  /** Takes the API server's answer to a write of a Service. */
  observeService(raw: unknown): void;
  /** True once every kind has been listed whole. */
  readonly synced: boolean;
  readonly health: Readonly<Record<KindName, WatchHealth>>;
  /** Follows the cluster until the signal of its options is aborted. */
  follow(options: ListWatchOptions): Promise<void>;
}

export type KindName = 'services' | 'nodes' | 'endpointslices' | 'namespaces';

/** An event only marks what it touches; nothing of it travels further. */
export interface Marks {
  service(key: string): void;
  /** What we wrote ourselves has changed a Service: the same story goes on. */
  ownWrite(key: string): void;
  /** One mark, however many Services use the nodes. */
  nodes(): void;
  synced(): void;
}

const PARTIAL = 'application/json;as=PartialObjectMetadata';

const SERVICES: Kind<ServiceObject> = { name: 'services', path: '/api/v1/services', narrow: narrowService };
const NODES: Kind<NodeObject> = { name: 'nodes', path: '/api/v1/nodes', narrow: narrowNode };
const SLICES: Kind<SliceObject> = {
  name: 'endpointslices',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  // A headless Service is never of type LoadBalancer.
  labelSelector: 'kubernetes.io/service-name,!service.kubernetes.io/headless',
  narrow: narrowSlice,
};
const NAMESPACES: Kind<NamespaceObject> = {
  name: 'namespaces',
  path: '/api/v1/namespaces',
  accept: { list: `${PARTIAL}List;g=meta.k8s.io;v=v1`, watch: `${PARTIAL};g=meta.k8s.io;v=v1` },
  narrow: narrowNamespace,
};

/** An empty view, to be filled by `follow`. */
export function createCluster(marks: Marks): Cluster {
  const slicesOf = new Map<string, Set<string>>();
  const keysIn = new Map<string, Set<string>>();
  const onSynced = (): void => {
    if (isSynced()) marks.synced();
  };

  let isOwnWrite = false;
  const services: Cache<ServiceObject> = createCache((key, _before, after) => {
    indexed(keysIn, key.split('/')[0]!, key, after !== undefined);
    if (isOwnWrite) marks.ownWrite(key);
    else marks.service(key);
  }, onSynced);
  const nodes: Cache<NodeObject> = createCache(() => marks.nodes(), onSynced);
  const slices: Cache<SliceObject> = createCache((key, before, after) => {
    if (before !== undefined && before.service !== after?.service) indexed(slicesOf, before.service, key, false);
    if (after !== undefined) indexed(slicesOf, after.service, key, true);
    for (const service of new Set([before?.service, after?.service])) {
      if (service !== undefined && services.get(service) !== undefined) marks.service(service);
    }
  }, onSynced);
  const namespaces: Cache<NamespaceObject> = createCache((key) => {
    for (const service of keysIn.get(key) ?? []) marks.service(service);
  }, onSynced);

  function isSynced(): boolean {
    return [services, nodes, slices, namespaces].every((cache) => cache.synced);
  }

  const health = { services: newHealth(), nodes: newHealth(), endpointslices: newHealth(), namespaces: newHealth() };
  return {
    service: (key) => services.get(key),
    serviceKeys: () => [...services.keys()],
    services: () => services.values(),
    nodes: () => [...nodes.values()],
    namespaceLabels: (namespace) => namespaces.get(namespace)?.labels,
    slices(serviceKey) {
      const known = slicesOf.get(serviceKey);
      return known && [...known].sort().flatMap((key) => slices.get(key) ?? []);
    },
    observeService(raw) {
      const object = narrowService(raw);
      if (object === undefined) return;
      isOwnWrite = true;
      try {
        services.observe(keyOf(object.metadata), { object, resourceVersion: object.metadata.resourceVersion });
      } finally {
        isOwnWrite = false;
      }
    },
    get synced() {
      return isSynced();
    },
    health,
    async follow(options) {
      await Promise.all([
        followKind(SERVICES, services, options, health.services),
        followKind(NODES, nodes, options, health.nodes),
        followKind(SLICES, slices, options, health.endpointslices),
        followKind(NAMESPACES, namespaces, options, health.namespaces),
      ]);
    },
  };
}

function indexed(index: Map<string, Set<string>>, group: string, key: string, present: boolean): void {
  const keys = index.get(group) ?? new Set();
  if (present) keys.add(key);
  else keys.delete(key);
  if (keys.size === 0) index.delete(group);
  else index.set(group, keys);
}
