import type { ObservedServer } from '@fairlead/haproxy';
import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { drainRules } from '../draining/drain-rules.ts';
import { leavingKey, leavingServers, type OldWorker, overdue, sessionsOf } from './old-workers.ts';
import { nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const OPTIONS = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const VIP = '10.9.0.150';

function server(name: string, where: string): [string, ObservedServer] {
  const state = { maintenance: false, up: true, checked: false, secondsInState: 0 };
  return [name, { name, id: 1, address: address(where), port: 30080, ...state }];
}

const OLD: OldWorker = {
  pid: 42,
  services: new Map([
    [`${VIP}|80`, 'slot_plain_3'],
    [`${VIP}|81`, 'backend_10.9.0.150_81'],
  ]),
  backends: new Map([
    ['slot_plain_3', { servers: new Map([server('tcp0', '10.8.0.1'), server('tcp1', '10.8.0.2')]) }],
    ['backend_10.9.0.150_81', { servers: new Map([server('tcp0', '10.8.0.1')]) }],
  ]),
};

const leaving = (worker: OldWorker, wanted: Wanted) =>
  leavingServers([worker], wanted, drainRules(wanted.services, 30));

it('in an old worker leave: backends that are no longer wanted, and services that have gone', () => {
  const state = stateOf([placed('a', VIP, [nodePort(80)])], nodeSet(THREE_NODES.slice(1)));
  expect(leaving(OLD, wantedOf(state, OPTIONS))).toEqual([
    { pid: 42, backend: 'slot_plain_3', server: 'tcp0', gone: false },
    { pid: 42, backend: 'backend_10.9.0.150_81', server: 'tcp0', gone: true },
  ]);
});

it('what is still wanted keeps its connections in an old worker, whatever it is called there', () => {
  const state = stateOf([placed('a', VIP, [nodePort(80), nodePort(81, { target: nodePort(80).target })])]);
  expect(leaving(OLD, wantedOf(state, OPTIONS))).toEqual([]);
});

it('what a Service left behind when it moved, before the reload, leaves too, except where somebody is served', () => {
  const [name, tcp1] = server('tcp1', '10.8.0.9');
  const drained: [string, ObservedServer] = [name, { ...tcp1, maintenance: true, up: false, secondsInState: 7 }];
  const moved = new Map([
    ...OLD.backends,
    ['slot_plain_4', { servers: new Map([server('tcp0', '10.8.0.1'), drained]) }],
  ]);
  const checks = new Map([...moved, ['nodes_healthz', { servers: new Map([server('n0', '10.8.0.9')]) }]]);
  const state = stateOf([placed('a', VIP, [nodePort(80), nodePort(81, { target: nodePort(80).target })])]);
  expect(leaving({ ...OLD, backends: checks }, wantedOf(state, OPTIONS))).toEqual([
    { pid: 42, backend: 'slot_plain_4', server: 'tcp1', gone: false, drainSeconds: 30, drainedSeconds: 7 },
  ]);
});

it('one that drained before the reload has that less time', () => {
  const each = { pid: 42, backend: 'b', server: 'tcp0', gone: false, drainSeconds: 10 };
  const at = (drainedSeconds: number) =>
    overdue([{ ...each, drainedSeconds }], new Map([[leavingKey(each), 1_000]]), { now: 2_000, drainMs: 30_000 });
  expect([at(9), at(10)]).toEqual([[], [{ ...each, drainedSeconds: 10 }]]);
});

it('connections end when the drain time is over, those of a service that has gone at once', () => {
  const drained = { pid: 42, backend: 'b', server: 'tcp0', gone: false };
  const gone = { pid: 42, backend: 'c', server: 'tcp0', gone: true };
  const since = new Map([
    [leavingKey(drained), 1_000],
    [leavingKey(gone), 1_000],
  ]);
  const at = (now: number) => overdue([drained, gone], since, { now, drainMs: 30_000 });
  expect(at(1_000)).toEqual([gone]);
  expect(at(30_999)).toEqual([gone]);
  expect(at(31_000)).toEqual([drained, gone]);
});

it('sessions are picked by backend and server', () => {
  const reply = [
    '0x558bac6d3360: proto=sockpair src=unix:2 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s',
    '0x7fe0ec04c810: proto=tcpv4 src=10.9.0.200:53372 fe=caught_tcp4 be=slot_plain_0 srv=tcp0 ts=00 epoch=0 age=6s',
    '0x7fe0ec04c811: proto=tcpv4 src=10.9.0.200:53373 fe=caught_tcp4 be=slot_plain_0 srv=tcp1 ts=00 epoch=0 age=6s',
  ].join('\n');
  expect(sessionsOf(reply, new Set(['slot_plain_0/tcp0', 'slot_plain_1/tcp1']))).toEqual(['0x7fe0ec04c810']);
});
