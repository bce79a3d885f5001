import { holdsServices, type ObservedServer, type ServerLoad, type WorkerState } from '@fairlead/haproxy';
import { type DrainingBackend, formatEndpoint } from '@fairlead/model';
import type { Wanted, WantedService } from '../wanted/types.ts';

/** Servers of services that get no new connections, by backend name. PURE. */
export function drainingServers(
  worker: Pick<WorkerState, 'backends'>,
): ReadonlyMap<string, ReadonlyMap<string, ObservedServer>> {
  const found = new Map<string, Map<string, ObservedServer>>();
  for (const [backend, { servers }] of worker.backends) {
    for (const [name, server] of servers) {
      if (!server.maintenance) continue;
      // Of thousands of backends nearly none gets so far.
      if (!holdsServices(backend)) break;
      if (!found.has(backend)) found.set(backend, new Map());
      found.get(backend)!.set(name, server);
    }
  }
  return found;
}

/** More of them than this say nothing new. */
const MOST = 1_000;

/**
 * Those that still have connections, by load balancer, port and name. One that nobody names any more is called by its
 * address. PURE.
 */
export function drainingBackends(
  draining: ReturnType<typeof drainingServers>,
  loads: ReadonlyMap<string, readonly ServerLoad[]>,
  { wanted, worker }: { readonly wanted: Pick<Wanted, 'services'>; readonly worker: Pick<WorkerState, 'services'> },
): readonly DrainingBackend[] {
  const keyOf = new Map([...worker.services].map(([key, backend]) => [backend, key]));
  const found = [...draining].flatMap(([backend, servers]) =>
    (loads.get(backend) ?? []).flatMap(({ server: name, connections, seconds }): DrainingBackend[] => {
      const server = servers.get(name);
      if (server === undefined || connections === 0) return [];
      const service = wanted.services.get(keyOf.get(backend) ?? '') ?? serviceAt(server, wanted);
      if (service === undefined) return [];
      const { loadBalancerId, port } = service;
      return [{ loadBalancerId, port, backend: labelOf(server, service), connections, seconds }];
    }),
  );
  return found.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)).slice(0, MOST);
}

/** A service that moved to another backend has left it behind. */
function serviceAt(
  { address, port }: ObservedServer,
  { services }: Pick<Wanted, 'services'>,
): WantedService | undefined {
  return [...services.values()].find(({ servers }) =>
    servers.some((server) => server.address === address && server.port === port),
  );
}

function labelOf({ id, address, port }: ObservedServer, { servers }: WantedService): string {
  const known = servers.find((server) => server.id === id || (server.address === address && server.port === port));
  return known?.label ?? formatEndpoint(address ?? '?', port);
}

function sortKey({ loadBalancerId, port, backend }: DrainingBackend): string {
  return `${loadBalancerId} ${String(port).padStart(5, '0')} ${backend}`;
}
