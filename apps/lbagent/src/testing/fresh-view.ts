import {
  nodeCheckServerName,
  type ObservedServer,
  peersMark,
  PLAIN,
  type Profile,
  profileName,
  slotName,
} from '@fairlead/haproxy';
import { advance, type View, viewOf } from '../planning/advance.ts';
import type { Step } from '../planning/step.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { CONFIG } from './example.ts';

/** What a worker has been started with. */
export interface Stock {
  /** Empty backends of each profile. */
  readonly slots: number;
  readonly nodeChecks: number;
  readonly profiles: readonly Profile[];
  /** Names of other empty backends. */
  readonly marks: readonly string[];
}

const HEALTH: Profile = { check: { path: '/healthz' } };
const STOCK: Stock = { slots: 8, nodeChecks: 8, profiles: [PLAIN, HEALTH], marks: [] };

/** A worker as it is after a start with nothing to serve. */
export function freshView(stock: Partial<Stock> = {}): View {
  const { slots, nodeChecks, profiles, marks } = { ...STOCK, ...stock };
  const unused = (index: number): [string, ObservedServer] => {
    const name = nodeCheckServerName(index);
    const server = { name, id: index + 1, address: undefined, port: 10256, maintenance: true, up: false };
    return [name, { ...server, checked: false, secondsInState: 0 }];
  };
  const checks = () => ({ servers: new Map(Array.from({ length: nodeChecks }, (_, index) => unused(index))) });
  const empty = profiles.flatMap((profile) => Array.from({ length: slots }, (_, index) => slotName(profile, index)));
  const info = { version: '', pid: 1, marker: '', stopping: false, currentConnections: 0, maxConnections: 0 };
  const backends = new Map([
    ['nodes_healthz', checks()] as const,
    ['nodes_tcp', checks()] as const,
    ...[...empty, ...marks].map((name) => [name, { servers: new Map<string, ObservedServer>() }] as const),
  ]);
  return viewOf({
    config: CONFIG,
    worker: { info, backends, services: new Map(), quotas: new Map() },
    caught: [],
    limits: [],
    forwards: [],
    links: { links: [], addresses: [] },
  });
}

/** A worker that was started with room for all of these, one after the other. */
export function viewFor(...wishes: readonly Wanted[]): View {
  const profiles = new Map([PLAIN, HEALTH].map((profile) => [profileName(profile), profile]));
  const marks = new Set<string>();
  let services = 0;
  for (const { services: some, peers } of wishes) {
    services += some.size;
    if (peers) marks.add(peersMark(peers));
    for (const { profile } of some.values()) profiles.set(profileName(profile), profile);
  }
  return freshView({ slots: services, nodeChecks: 16, profiles: [...profiles.values()], marks: [...marks] });
}

/** As if the steps had been carried out. */
export function carryOut(steps: readonly Step[], view: View): View {
  for (const step of steps) advance(view, step);
  return view;
}
