import { nodeCheckServerName, type ObservedServer, PLAIN, slotName } from '@fairlead/haproxy';
import { advance, type View, viewOf } from '../advance.ts';
import type { Step } from '../step.ts';
import { CONFIG } from './example.ts';

/** A worker as it is after a start with nothing to serve. */
export function freshView(slots = 8, nodeChecks = 8): View {
  const unused = (index: number): [string, ObservedServer] => {
    const name = nodeCheckServerName(index);
    const server = { name, id: index + 1, address: undefined, port: 10256, maintenance: true, up: false };
    return [name, { ...server, checked: false, secondsInState: 0 }];
  };
  const checks = { servers: new Map(Array.from({ length: nodeChecks }, (_, index) => unused(index))) };
  const health = { check: { path: '/healthz' } } as const;
  const empty = [PLAIN, health].flatMap((profile) =>
    Array.from({ length: slots }, (_, index) => [slotName(profile, index), { servers: new Map() }] as const),
  );
  const info = { version: '', pid: 1, marker: '', stopping: false, currentConnections: 0, maxConnections: 0 };
  const backends = new Map([['nodes_healthz', checks], ['nodes_tcp', checks], ...empty]);
  return viewOf({
    config: CONFIG,
    worker: { info, backends, services: new Map(), quotas: new Map() },
    caught: [],
    limits: [],
    forwards: [],
    links: { links: [], addresses: [] },
  });
}

/** As if the steps had been carried out. */
export function carryOut(steps: readonly Step[], view: View): void {
  for (const step of steps) advance(view, step);
}
