import type { ObservedServer, ServerCheck, WorkerInfo } from '@fairlead/haproxy';
import type { LinksObserved } from './links/types.ts';
import type { CaughtPort } from './nftables/types.ts';
import type { Observed } from './plan.ts';
import type { Step } from './step.ts';

/** What is there, as seen and as changed since by our own steps. */
export interface View extends Observed {
  readonly worker: {
    readonly info: WorkerInfo;
    readonly backends: Map<string, { id?: number; readonly servers: Map<string, ObservedServer> }>;
    readonly services: Map<string, string>;
  };
  readonly caught: Map<string, CaughtPort>;
  links: LinksObserved;
}

/** A view of its own, so that changing it changes nothing else. */
export function viewOf(observed: Observed): View {
  const { worker, caught, links } = observed;
  const backends = [...worker.backends].map(
    ([name, backend]) => [name, { ...backend, servers: new Map(backend.servers) }] as const,
  );
  return {
    worker: { info: worker.info, backends: new Map(backends), services: new Map(worker.services) },
    caught: new Map(caught),
    links,
  };
}

/** Notes in the view that a step has been carried out. */
export function advance(view: View, step: Step): void {
  const { backends, services } = view.worker;
  switch (step.kind) {
    case 'add-address':
      view.links = {
        ...view.links,
        addresses: [
          ...view.links.addresses.filter((each) => !isAt(each, step.address)),
          { ...step.address, prefixLength: step.address.address.includes(':') ? 128 : 32, ours: true },
        ],
      };
      return;
    case 'remove-address':
      view.links = { ...view.links, addresses: view.links.addresses.filter((each) => !isAt(each, step.address)) };
      return;
    case 'add-server': {
      const { name, id, address, port, check } = step.server;
      serversOf(view, step.backend).set(name, { name, id, address, port, ...FRESH, ...beginning(check.kind) });
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
      change(view, step, { up: true, checked: false });
      return;
    case 'drain-server':
    case 'free-node-check':
      change(view, step, { maintenance: true, up: false, secondsInState: 0 });
      return;
    case 'delete-server':
      backends.get(step.backend)?.servers.delete(step.server);
      return;
    case 'add-service':
    case 'move-service':
      services.set(step.key, step.backend);
      return;
    case 'remove-service':
      services.delete(step.key);
      return;
    case 'catch':
      view.caught.set(step.key, step.caught);
      return;
    case 'release':
      view.caught.delete(step.key);
      return;
  }
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

function isAt(a: { device: string; address: string }, b: { device: string; address: string }): boolean {
  return a.device === b.device && a.address === b.address;
}
