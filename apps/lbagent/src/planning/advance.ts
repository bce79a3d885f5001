import {
  quotaText,
  mapKey,
  type ObservedServer,
  parseSlotName,
  type ServerCheck,
  type WorkerInfo,
  type WorkerState,
} from '@fairlead/haproxy';
import { familyOf, type MachineConfig } from '@fairlead/model';
import { sealOf } from '../forwarding/render.ts';
import type { ObservedForward } from '../forwarding/types.ts';
import { ownedInstances } from '../keepalived/state.ts';
import { linkAddressKey } from '../links/plan.ts';
import type { LinksObserved, ObservedAddress, ObservedLink } from '../links/types.ts';
import type { CaughtPort, Limit, LimitedPort } from '../nftables/types.ts';
import type { Observed } from '../plan.ts';
import type { Step } from './step.ts';

/** What is there, as seen and as changed since by our own steps. */
export interface View extends Observed {
  /** The machine config that it was seen with. */
  readonly config: MachineConfig;
  /** VRRP instances whose anchor is on a link of this machine. */
  readonly owned: readonly string[];
  readonly worker: {
    readonly info: WorkerInfo;
    readonly backends: Map<string, { id?: number; readonly servers: Map<string, ObservedServer> }>;
    readonly services: Map<string, string>;
    readonly quotas: Map<string, string>;
  };
  readonly caught: Map<string, CaughtPort>;
  readonly limits: Map<string, Limit>;
  readonly forwards: Map<string, ObservedForward>;
  readonly addresses: Map<string, ObservedAddress>;
  readonly links: readonly ObservedLink[];
  /** Backends that a service is sent to. */
  readonly routed: Set<string>;
  /** Names of empty slots that no service is sent to, by profile name. */
  readonly freeSlots: Map<string, Set<string>>;
  /** What has changed here since a survey began: backend names, services' keys, keys of addresses. */
  readonly touched: Set<string>;
}

export interface Seen {
  readonly worker: WorkerState;
  readonly caught: readonly CaughtPort[];
  readonly limits: readonly Limit[];
  readonly forwards: readonly ObservedForward[];
  readonly links: LinksObserved;
  readonly config: MachineConfig;
}

/** A view of its own, so that changing it changes nothing else. */
export function viewOf({ worker, caught, limits, forwards, links, config }: Seen): View {
  const backends = [...worker.backends].map(
    ([name, backend]) => [name, { ...backend, servers: new Map(backend.servers) }] as const,
  );
  const view: View = {
    config,
    owned: ownedInstances(config, links),
    worker: {
      info: worker.info,
      backends: new Map(backends),
      services: new Map(worker.services),
      quotas: new Map(worker.quotas),
    },
    caught: new Map(caught.map((each) => [mapKey(each.address, each.port), each])),
    limits: new Map(limits.map((each) => [limitedService(each), each])),
    forwards: new Map(forwards.map((each) => [mapKey(each.vip, each.port, 'UDP'), each])),
    addresses: new Map(links.addresses.map((each) => [linkAddressKey(each), each])),
    links: links.links,
    routed: new Set(worker.services.values()),
    freeSlots: new Map(),
    touched: new Set(),
  };
  for (const [name] of backends) weighSlot(view, name);
  return view;
}

/** Notes in the view how the servers of some backends are. */
export function refresh(view: View, backends: WorkerState['backends']): void {
  for (const [name, { servers }] of backends) {
    const known = view.worker.backends.get(name);
    if (!known) continue;
    view.worker.backends.set(name, { ...known, servers: new Map(servers) });
    view.touched.add(name);
    weighSlot(view, name);
  }
}

/** A slot is free while it is empty and no service is sent to it. */
function weighSlot(view: View, backend: string): void {
  const slot = parseSlotName(backend);
  if (!slot) return;
  let free = view.freeSlots.get(slot.profile);
  if (!free) view.freeSlots.set(slot.profile, (free = new Set()));
  if (view.worker.backends.get(backend)?.servers.size === 0 && !view.routed.has(backend)) free.add(backend);
  else free.delete(backend);
}

/** Notes in the view that a step has been carried out. */
export function advance(view: View, step: Step): void {
  if ('key' in step) view.touched.add(step.key);
  if ('backend' in step) view.touched.add(step.backend);
  if ('address' in step) view.touched.add(linkAddressKey(step.address));
  switch (step.kind) {
    case 'add-address': {
      const prefixLength = familyOf(step.address.address) === 'ipv4' ? 32 : 128;
      view.addresses.set(linkAddressKey(step.address), { ...step.address, prefixLength, ours: true });
      return;
    }
    case 'remove-address':
      view.addresses.delete(linkAddressKey(step.address));
      return;
    case 'add-server': {
      const { name, id, address, port, check } = step.server;
      serversOf(view, step.backend).set(name, {
        name,
        id,
        address,
        port,
        ...FRESH,
        ...beginning(check.kind),
      });
      weighSlot(view, step.backend);
      return;
    }
    case 'use-node-check': {
      const { address, port } = step.check;
      change(view, step, { address, port, ...FRESH });
      return;
    }
    case 'resume-server':
      change(view, step, { maintenance: false, secondsInState: 0, ...beginning(step.check) });
      return;
    case 'keep-server':
    case 'hold-node-check':
      change(view, step, { up: true, checked: false });
      return;
    case 'drain-server':
    case 'free-node-check':
      change(view, step, { maintenance: true, up: false, secondsInState: 0 });
      return;
    case 'delete-server':
      view.worker.backends.get(step.backend)?.servers.delete(step.server);
      weighSlot(view, step.backend);
      return;
    case 'add-service':
    case 'move-service':
      route(view, step.key, step.backend);
      if (step.quota) view.worker.quotas.set(step.key, quotaText(step.quota));
      return;
    case 'remove-service':
      route(view, step.key, undefined);
      return;
    case 'limit':
      if (step.to) view.limits.set(step.key, step.to);
      else view.limits.delete(step.key);
      return;
    case 'catch':
      view.caught.set(step.key, step.caught);
      return;
    case 'release':
      view.caught.delete(step.key);
      return;
    case 'forward': {
      const { vip, port } = step.forward;
      view.forwards.set(step.key, { vip, port, seal: sealOf(step.forward) });
      return;
    }
    case 'stop-forwarding':
      view.forwards.delete(step.key);
      return;
  }
}

/** The key of the service that is limited there. */
export function limitedService({ address, protocol, port }: LimitedPort): string {
  const key = mapKey(address, port);
  return protocol === 'tcp' ? key : `${key}/${protocol}`;
}

const FRESH = { maintenance: false, up: true, checked: true, secondsInState: 0 };

/** How a server with that check begins: one with an HTTP check has to prove itself first. */
function beginning(check: ServerCheck['kind']): Pick<ObservedServer, 'up' | 'checked'> {
  return { up: check !== 'http', checked: check === 'http' || check === 'tcp' };
}

function serversOf(view: View, backend: string): Map<string, ObservedServer> {
  const found = view.worker.backends.get(backend);
  if (!found) throw new Error(`a step is about backend ${backend}, which haproxy does not have: this is a defect`);
  return found.servers;
}

function change(view: View, at: { backend: string; server: string }, what: Partial<ObservedServer>): void {
  const servers = serversOf(view, at.backend);
  const before = servers.get(at.server);
  if (before) servers.set(at.server, { ...before, ...what });
}

function route(view: View, key: string, backend: string | undefined): void {
  const { services, quotas } = view.worker;
  const before = services.get(key);
  quotas.delete(key);
  if (backend === undefined) services.delete(key);
  else services.set(key, backend);
  if (before !== undefined) view.routed.delete(before);
  if (backend !== undefined) view.routed.add(backend);
  for (const each of [before, backend]) if (each !== undefined) weighSlot(view, each);
}
