import type { ObservedServer } from '@fairlead/haproxy';
import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { advance, type View, viewOf } from './advance.ts';
import { findDifference, type Surveyed } from './difference.ts';
import { CONFIG } from '../testing/example.ts';

const SERVER: ObservedServer = {
  name: 'tcp0',
  id: 11,
  address: address('10.8.0.1'),
  port: 30_080,
  maintenance: false,
  up: true,
  checked: false,
  secondsInState: 7,
};
const VIP = address('10.9.0.150');
const KEY = '10.9.0.150|80';
const BACKEND = 'slot_plain_0';
const ON_LINK = { device: 'eth0', address: VIP, prefixLength: 32, ours: true };
const INFO = { version: '2.6', pid: 7, marker: 'm', stopping: false, currentConnections: 0, maxConnections: 9 };
const LINKS = {
  links: [{ device: 'eth0', up: true }],
  addresses: [ON_LINK, { device: 'eth0', address: address('10.9.0.100'), prefixLength: 32, ours: false }],
};

const LIMIT = {
  address: VIP,
  protocol: 'tcp' as const,
  port: 80,
  inForce: true,
  allowed: ['10.0.0.0/8', '192.168.0.0/16'],
};
const FORWARD = { vip: VIP, port: 53, seal: 'a' };

function view(): View {
  const worker = {
    info: INFO,
    backends: new Map([[BACKEND, { servers: new Map([[SERVER.name, SERVER]]) }]]),
    services: new Map([[KEY, BACKEND]]),
    quotas: new Map(),
  };
  const caught = [{ address: VIP, port: 80 }];
  return viewOf({ worker, caught, limits: [LIMIT], forwards: [FORWARD], links: LINKS, config: CONFIG });
}

function differenceOf(change: Partial<Surveyed>, left = view()): string | undefined {
  const seen: Surveyed = {
    info: INFO,
    servers: [{ backend: BACKEND, server: { ...SERVER, secondsInState: 99 } }],
    services: new Map([[KEY, BACKEND]]),
    quotas: new Map(),
    caught: [{ address: VIP, port: 80 }],
    limits: [{ ...LIMIT, allowed: LIMIT.allowed.toReversed() }],
    forwards: [FORWARD],
    links: LINKS,
    ...change,
  };
  const work = findDifference(left, seen);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

const CHANGES: readonly (readonly [string, Partial<Surveyed>, string])[] = [
  ['a new worker', { info: { ...INFO, pid: 8 } }, 'another worker'],
  ['a server in maintenance', { servers: [{ backend: BACKEND, server: { ...SERVER, maintenance: true } }] }, 'server'],
  ['a server that died', { servers: [{ backend: BACKEND, server: { ...SERVER, up: false } }] }, 'server'],
  ['a server nobody added', { servers: [{ backend: BACKEND, server: { ...SERVER, name: 'x' } }] }, 'server'],
  ['a server that is gone', { servers: [] }, 'backend'],
  ['a service sent elsewhere', { services: new Map([[KEY, 'slot_plain_1']]) }, 'service'],
  ['a service nobody added', { services: new Map([...view().worker.services, ['10.9.0.9|1', BACKEND]]) }, 'service'],
  ['a limit lost', { limits: [] }, 'who may connect'],
  ['a limit out of force', { limits: [{ ...LIMIT, inForce: false }] }, 'who may connect'],
  ['another range', { limits: [{ ...LIMIT, allowed: ['0.0.0.0/1'] }] }, 'who may connect'],
  ['a port no longer caught', { caught: [] }, 'caught'],
  ['a VIP that was taken off', { links: { ...LINKS, addresses: LINKS.addresses.slice(1) } }, 'address'],
  ['an anchor that went', { links: { ...LINKS, addresses: LINKS.addresses.slice(0, 1) } }, 'owned'],
  ['a link that is down', { links: { ...LINKS, links: [{ device: 'eth0', up: false }] } }, 'links'],
];

it.each(CHANGES)('%s is a difference', (_, change, word) => {
  expect(differenceOf(change)).toContain(word);
});

it('what is as it was left is none', () => {
  expect(differenceOf({})).toBeUndefined();
});

it('what was changed meanwhile by our own steps is none, whether it was seen before or after', () => {
  const changed = view();
  const at = { key: KEY, backend: BACKEND };
  advance(changed, { kind: 'drain-server', ...at, server: SERVER.name });
  expect(differenceOf({}, changed)).toBeUndefined();
  advance(changed, { kind: 'remove-service', key: KEY });
  advance(changed, { kind: 'release', key: KEY, caught: { address: VIP, port: 80 } });
  advance(changed, { kind: 'remove-address', address: { device: 'eth0', address: VIP } });
  expect(differenceOf({}, changed)).toBeUndefined();
  changed.touched.clear();
  expect(differenceOf({}, changed)).toBeDefined();
});
