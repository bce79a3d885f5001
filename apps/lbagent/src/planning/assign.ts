import {
  backendIdHasProfile,
  backendName,
  freeServerName,
  nodeCheckBackendName,
  type NodeCheckBackendKind,
  type ObservedBackend,
  parseSlotName,
  peersMark,
  profileName,
  type Server,
  type ServerCheck,
  type WorkerState,
} from '@fairlead/haproxy';
import { type NodeCheck, nodeCheckKey, type Stage, type Wanted, type WantedService } from '../wanted/wanted.ts';

/** Which backend, which server names and which shared checks serve what is wanted. */
export interface Assignment {
  /** By map key. */
  readonly services: ReadonlyMap<string, AssignedService>;
  readonly nodeChecks: readonly AssignedNodeCheck[];
  /** Map keys that need a backend, or a node check, that haproxy does not have: only a reload gives it. */
  readonly unplaced: readonly string[];
}

export interface AssignedService {
  readonly wanted: WantedService;
  readonly backend: string;
  readonly servers: readonly AssignedServer[];
}

export interface AssignedServer extends Server {
  readonly stage: Stage;
  readonly lastResort: boolean;
}

export interface AssignedNodeCheck {
  readonly check: NodeCheck;
  readonly backend: string;
  readonly index: number;
}

/**
 * Gives everything wanted its place in a running worker. What has a place keeps it; the rest gets the lowest free one,
 * in order of key.
 */
export function assignToWorker(wanted: Wanted, worker: WorkerState): Assignment {
  const nodeChecks = assignNodeChecks(wanted, (kind) => observedNodeChecks(worker, kind));
  const checkPlaces = placesOf(nodeChecks);
  const slots = freeSlotsOf(worker);
  const begun = begunSlotsOf(worker);
  const services = new Map<string, AssignedService>();
  const unplaced: string[] = [];
  const sharesMemory = wanted.peers !== undefined && worker.backends.has(peersMark(wanted.peers));
  for (const key of [...wanted.services.keys()].sort()) {
    const service = wanted.services.get(key)!;
    if (service.profile.affinitySeconds !== undefined && !sharesMemory) {
      unplaced.push(key);
      continue;
    }
    const backend =
      currentBackend(service, worker) ??
      claimBegun(service, worker, begun) ??
      slots.get(profileName(service.profile))?.shift();
    const servers = backend && nameServers(service, worker.backends.get(backend), checkPlaces);
    if (!backend || !servers) unplaced.push(key);
    else services.set(key, { wanted: service, backend, servers });
  }
  return { services, nodeChecks, unplaced };
}

/**
 * The same for haproxy.cfg: every service in a backend of its own name. `worker`: whose server names are kept. Pauses
 * after each service.
 */
export function* assignToFile(
  wanted: Wanted,
  worker: WorkerState | undefined,
  nodeCheckStock: number,
): Generator<void, Assignment> {
  const nodeChecks = assignNodeChecks(wanted, (kind) =>
    worker
      ? observedNodeChecks(worker, kind, nodeCheckStock)
      : new Map(indexes(nodeCheckStock).map((index) => [index, UNUSED])),
  );
  const checkPlaces = placesOf(nodeChecks);
  const services = new Map<string, AssignedService>();
  for (const [key, service] of wanted.services) {
    const running = worker?.services.get(key);
    const servers = nameServers(
      service,
      running === undefined ? undefined : worker?.backends.get(running),
      checkPlaces,
    );
    if (!servers) throw new Error(`the stock of node checks is too small for ${service.owner}: this is a defect`);
    services.set(key, { wanted: service, backend: backendName(service.vip, service.port, service.protocol), servers });
    yield;
  }
  return { services, nodeChecks, unplaced: [] };
}

/** The backend that the map sends the service to, if it is there and fits. */
function currentBackend(service: WantedService, worker: WorkerState): string | undefined {
  const name = worker.services.get(service.key);
  if (name === undefined) return undefined;
  const backend = worker.backends.get(name);
  if (!backend) return undefined;
  return backendFits(name, backend, service) ? name : undefined;
}

function backendFits(name: string, backend: ObservedBackend, service: WantedService): boolean {
  const slot = parseSlotName(name);
  if (slot) return slot.profile === profileName(service.profile);
  // An empty named backend does not tell its profile; it is as good as any while nothing is to be put in.
  return backend.id === undefined ? service.servers.length === 0 : backendIdHasProfile(backend.id, service.profile);
}

function freeSlotsOf(worker: WorkerState): Map<string, string[]> {
  // Also one whose service is on its way out: two services in one backend would share its servers.
  const taken = new Set(worker.services.values());
  const free = new Map<string, { name: string; index: number }[]>();
  for (const [name, backend] of worker.backends) {
    const slot = parseSlotName(name);
    if (!slot || taken.has(name) || backend.servers.size > 0) continue;
    if (!free.has(slot.profile)) free.set(slot.profile, []);
    free.get(slot.profile)!.push({ name, index: slot.index });
  }
  return new Map(
    [...free].map(([profile, slots]) => [profile, slots.sort((a, b) => a.index - b.index).map((slot) => slot.name)]),
  );
}

/** Slots with servers that no service is sent to: first those being prepared for one, then those left by one. */
function begunSlotsOf(worker: WorkerState): string[] {
  const taken = new Set(worker.services.values());
  const begun = [...worker.backends].flatMap(([name, { servers }]) => {
    const slot = taken.has(name) || servers.size === 0 ? undefined : parseSlotName(name);
    const isLeft = [...servers.values()].every(({ maintenance }) => maintenance);
    return slot ? [{ name, rank: Number(isLeft), index: slot.index }] : [];
  });
  const sorted = begun.sort((a, b) => a.rank - b.rank || a.index - b.index || (a.name < b.name ? -1 : 1));
  return sorted.map(({ name }) => name);
}

/** One of them that has a server of this very service; nobody else gets it then. */
function claimBegun(service: WantedService, worker: WorkerState, begun: string[]): string | undefined {
  const isOurs = (name: string): boolean => {
    const backend = worker.backends.get(name)!;
    if (!backendFits(name, backend, service)) return false;
    return service.servers.some(({ id, address, port, stage }) =>
      [...backend.servers.values()].some(
        (server) => stage === 'serving' && server.id === id && server.address === address && server.port === port,
      ),
    );
  };
  const at = begun.findIndex(isOurs);
  return at < 0 ? undefined : begun.splice(at, 1)[0];
}

/** The service's servers with names: those that run keep theirs. Undefined when a node check has no place. */
function nameServers(
  service: WantedService,
  running: ObservedBackend | undefined,
  checks: ReadonlyMap<string, AssignedNodeCheck>,
): readonly AssignedServer[] | undefined {
  const nameById = new Map([...(running?.servers.values() ?? [])].map((server) => [server.id, server.name]));
  const taken = new Set(running?.servers.keys() ?? []);
  const servers: AssignedServer[] = [];
  for (const { id, address, port, check, stage, lastResort = false, proxyProtocol } of service.servers) {
    const known = nameById.get(id);
    // What is to get no connections is not made for it.
    if (known === undefined && stage !== 'serving') continue;
    const name = known ?? freeServerName(taken);
    taken.add(name);
    const place = check.kind === 'node' ? checks.get(nodeCheckKey(check.check)) : undefined;
    if (check.kind === 'node' && !place) return undefined;
    const own: ServerCheck = check.kind === 'node' ? { kind: 'none' } : check;
    const tracked: ServerCheck = place ? { kind: 'track', backend: place.backend, server: `n${place.index}` } : own;
    const proxied = proxyProtocol === undefined ? {} : { proxyProtocol };
    servers.push({ name, id, address, port, check: tracked, stage, lastResort, ...proxied });
  }
  return servers;
}

/** A number of a kind's stock. */
interface Place {
  /** Key of the check that it asks, or asked last; undefined: none yet. */
  readonly key: string | undefined;
  readonly isInUse: boolean;
}

type Places = ReadonlyMap<number, Place>;

const UNUSED: Place = { key: undefined, isInUse: false };

/** Every number of the kind's stock. */
export function observedNodeChecks(worker: WorkerState, kind: NodeCheckBackendKind, atLeast = 0): Places {
  const places = new Map<number, Place>(indexes(atLeast).map((index) => [index, UNUSED]));
  for (const server of worker.backends.get(nodeCheckBackendName(kind))?.servers.values() ?? []) {
    const { name, address, port, maintenance } = server;
    const key = address === undefined ? undefined : nodeCheckKey({ kind, address, port });
    places.set(Number(name.slice(1)), { key, isInUse: !maintenance && key !== undefined });
  }
  return places;
}

function assignNodeChecks(
  wanted: Wanted,
  placesOfKind: (kind: NodeCheckBackendKind) => Places,
): readonly AssignedNodeCheck[] {
  return (['healthz', 'tcp'] as const).flatMap((kind) => {
    const checks = [...wanted.nodeChecks.values()].filter((check) => check.kind === kind);
    const inUse = new Map<string, number>();
    const left = new Map<string, number>();
    const free = new Set<number>();
    for (const [index, { key, isInUse }] of [...placesOfKind(kind)].sort(freshFirst)) {
      if (!isInUse) free.add(index);
      const known = isInUse ? inUse : left;
      if (key !== undefined && !known.has(key)) known.set(key, index);
    }
    const backend = nodeCheckBackendName(kind);
    const sorted = checks
      .map((check) => ({ check, key: nodeCheckKey(check) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    // A server that drains tracks the place that it was made with: its node must find that again before others choose.
    const own = new Map(sorted.map(({ key }) => [key, inUse.get(key) ?? left.get(key)]));
    for (const index of own.values()) if (index !== undefined) free.delete(index);
    return sorted.flatMap(({ check, key }) => {
      const index = own.get(key) ?? first(free);
      if (index === undefined) return [];
      free.delete(index);
      return [{ check, backend, index }];
    });
  });
}

/** Places that nobody had before those that servers may still track. */
function freshFirst([a, { key: keyOfA }]: [number, Place], [b, { key: keyOfB }]: [number, Place]): number {
  return Number(keyOfA !== undefined) - Number(keyOfB !== undefined) || a - b;
}

function first(numbers: Iterable<number>): number | undefined {
  for (const each of numbers) return each;
  return undefined;
}

function placesOf(checks: readonly AssignedNodeCheck[]): ReadonlyMap<string, AssignedNodeCheck> {
  return new Map(checks.map((each) => [nodeCheckKey(each.check), each]));
}

function indexes(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
