import type { ObservedServer } from '@fairlead/haproxy';
import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { drainingBackends, drainingServers } from './draining.ts';
import { node, nodePort, nodeSet, placed, stateOf } from '../testing/example.ts';
import { wantedOf } from '../wanted/wanted.ts';

const VIP = '10.9.0.150';
const WANTED = wantedOf(
  stateOf([placed('a', VIP, [nodePort(80)])], nodeSet([node('node-1'), node('node-2', { draining: true })])),
  { families: ['ipv4'], nodeChecks: new Map(), heldClusters: new Set() },
);

function server(name: string, where: string, maintenance = true): [string, ObservedServer] {
  const state = { maintenance, up: !maintenance, checked: false, secondsInState: 0 };
  return [name, { name, id: 1, address: address(where), port: 30_080, ...state }];
}

const WORKER = {
  backends: new Map([
    ['slot_plain_0', { servers: new Map([server('tcp0', '10.8.0.1', false), server('tcp1', '10.8.0.2')]) }],
    ['slot_plain_1', { servers: new Map([server('tcp0', '10.8.0.1'), server('tcp1', '10.8.0.9')]) }],
    ['nodes_tcp', { servers: new Map([server('n0', '10.8.0.1')]) }],
  ]),
  services: new Map([[`${VIP}|80`, 'slot_plain_0']]),
};

it('only servers of services drain, in whatever backend they are', () => {
  const found = [...drainingServers(WORKER)].map(([backend, servers]) => [backend, [...servers.keys()]]);
  expect(found).toEqual([
    ['slot_plain_0', ['tcp1']],
    ['slot_plain_1', ['tcp0', 'tcp1']],
  ]);
});

it('those that still have connections are told by name; what a service left behind is still its own', () => {
  const load = (name: string, connections: number) => ({ server: name, connections, seconds: 7 });
  const loads = new Map([
    ['slot_plain_0', [load('tcp0', 9), load('tcp1', 2)]],
    ['slot_plain_1', [load('tcp0', 1), load('tcp1', 4)]],
  ]);
  expect(drainingBackends(drainingServers(WORKER), loads, { wanted: WANTED, worker: WORKER })).toEqual([
    { loadBalancerId: 'a', port: 80, backend: 'node-1', connections: 1, seconds: 7 },
    { loadBalancerId: 'a', port: 80, backend: 'node-2', connections: 2, seconds: 7 },
  ]);
  loads.set('slot_plain_0', [load('tcp1', 0)]);
  loads.delete('slot_plain_1');
  expect(drainingBackends(drainingServers(WORKER), loads, { wanted: WANTED, worker: WORKER })).toEqual([]);
});
