import { address } from '@fairlead/model';
import { PLAIN } from '../profile.ts';
import type { HaproxyConfig } from '../render.ts';

/** The load balancers of the article that describes the system, and one of policy Local. */
export const EXAMPLE: HaproxyConfig = {
  statsSocket: '/var/run/haproxy.sock',
  mapFile: '/etc/haproxy/services.map',
  catchPort: 5000,
  healthPort: 5001,
  families: ['ipv4'],
  nodeChecks: [
    {
      kind: 'healthz',
      size: 8,
      inUse: new Map([
        [0, { address: address('192.168.0.16'), port: 10256 }],
        [2, { address: address('192.168.0.18'), port: 10256 }],
        [1, { address: address('192.168.0.21'), port: 10256 }],
      ]),
    },
    { kind: 'tcp', size: 4, inUse: new Map() },
  ],
  backends: [
    {
      vip: address('192.168.0.156'),
      port: 6443,
      profile: PLAIN,
      owner: 'holidays',
      servers: [{ name: 'tcp0', id: 11, address: address('192.168.0.18'), port: 6443, check: { kind: 'tcp' } }],
    },
    {
      vip: address('192.168.0.157'),
      port: 80,
      profile: PLAIN,
      owner: 'holidays/default/frontend',
      servers: ['192.168.0.16', '192.168.0.21', '192.168.0.18'].map((node, index) => ({
        name: `tcp${index}`,
        id: 21 + index,
        address: address(node),
        port: 30942,
        check: { kind: 'track', backend: 'nodes_healthz', server: `n${index}` },
      })),
    },
    {
      vip: address('192.168.0.9'),
      port: 443,
      profile: { check: { path: '/healthz' } },
      owner: 'holidays/default/local',
      servers: [
        { name: 'tcp0', id: 31, address: address('192.168.0.16'), port: 31443, check: { kind: 'http', port: 32001 } },
        { name: 'tcp1', id: 32, address: address('192.168.0.21'), port: 31443, check: { kind: 'none' } },
      ],
    },
  ],
  slots: [
    { profile: { check: { path: '/healthz' } }, size: 2 },
    { profile: PLAIN, size: 3 },
  ],
};
