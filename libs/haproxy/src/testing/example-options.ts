import { address } from '@fairlead/model';
import { HEALTHZ, PLAIN, type Profile } from '../profile.ts';
import type { HaproxyConfig, NamedBackend } from '../render.ts';
import type { Server } from '../server-line.ts';
import { EXAMPLE } from './example.ts';

const VIP = address('192.168.0.157');

/** Profiles that some Service may ask for. */
export const PROFILES: readonly Profile[] = [
  PLAIN,
  HEALTHZ,
  { check: { path: '/ready?full=1', status: 204 } },
  { algorithm: 'leastconn' },
  { algorithm: 'source' },
  { algorithm: 'hash' },
  { affinitySeconds: 10_800 },
  { connectTimeoutMs: 2_000, serverTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
  { algorithm: 'leastconn', affinitySeconds: 60, check: { path: '/healthz' }, idleTimeoutMs: 100 },
];

function backend(
  port: number,
  change: Partial<NamedBackend> & { readonly server?: Partial<Server> } = {},
): NamedBackend {
  const { server, ...rest } = change;
  const one: Server = {
    name: 'tcp0',
    id: 41,
    address: address('192.168.0.16'),
    port: 30_000 + port,
    check: { kind: 'tcp' },
    ...server,
  };
  return { vip: VIP, port, profile: PLAIN, owner: 'holidays/default/options', servers: [one], ...rest };
}

/** Every option at least once. */
export const OPTIONS_EXAMPLE: HaproxyConfig = {
  ...EXAMPLE,
  peers: {
    local: 'lb-1',
    port: 7432,
    members: [
      { name: 'lb-2', address: address('127.0.0.2') },
      { name: 'lb-1', address: address('127.0.0.1') },
    ],
  },
  backends: [
    ...PROFILES.map((profile, index) => backend(index + 1, { profile })),
    backend(100, { quota: { connections: 7, counter: 'c0ffee' } }),
    backend(101, { server: { proxyProtocol: 1 } }),
    backend(102, {
      server: { proxyProtocol: 2, check: { kind: 'tcp', pace: { intervalMs: 5_000, rise: 3, fall: 4 } } },
    }),
  ],
  slots: PROFILES.map((profile) => ({ profile, size: 2 })),
};
