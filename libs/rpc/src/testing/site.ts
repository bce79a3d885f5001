import {
  certificatesToPem,
  channelCredentials,
  createAuthority,
  issueLeaf,
  makeKeyPair,
  materialSource,
  privateKeyToPem,
  serverCredentials,
  type AuthorityState,
  type Identity,
  type Material,
  type MaterialSource,
} from '@fairlead/certs';
import { createLogger, type Logger } from '@fairlead/telemetry';
import type { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { openChannel } from '../channel.ts';
import { startServer, type RunningServer, type ServedService, type ServerSettings } from '../server.ts';

export const cloudagent = { kind: 'cloudagent', site: 'lab' } as const;
export const controller = { kind: 'controller', site: 'lab', name: 'prod' } as const;

/** A site with an authority, servers and channels that end with `close()`, and what was logged. */
export interface TestSite {
  readonly authority: AuthorityState;
  readonly lines: Record<string, unknown>[];
  readonly log: Logger;
  start(services: readonly ServedService[], settings?: Partial<ServerSettings>): Promise<RunningServer>;
  channel(address: string, credentials: ChannelCredentials | undefined): Channel;
  connect(port: number, as: Identity): Promise<Channel>;
  /** Made at that time, milliseconds since 1970; now unless given. */
  material(identity: Identity, lifetime?: number, madeAt?: number): Promise<MaterialSource>;
  close(): Promise<void>;
}

export async function makeSite(): Promise<TestSite> {
  const authority = await createAuthority('lab', Date.now() - 100 * 86_400_000);
  const lines: Record<string, unknown>[] = [];
  const cleanups: (() => Promise<void> | void)[] = [];
  const log = collectingLogger(lines);
  const site: TestSite = {
    authority,
    lines,
    log,
    async start(services, settings = {}) {
      const credentials = serverCredentials(await site.material(cloudagent), 'required');
      const listen = { listen: '127.0.0.1:0', callers: 'certificate', credentials } as const;
      const server = await startServer({ ...listen, authorise: () => undefined, services, log, ...settings });
      cleanups.push(() => server.stop(0));
      return server;
    },
    channel(address, credentials) {
      const channel = openChannel(address, credentials);
      cleanups.push(() => channel.close());
      return channel;
    },
    async connect(port, as) {
      return site.channel(`127.0.0.1:${port}`, channelCredentials(await site.material(as), cloudagent));
    },
    material: async (identity, lifetime = 3_600_000, madeAt = Date.now()) =>
      materialSource(await materialOf(authority, identity, { lifetime, now: madeAt })),
    async close() {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    },
  };
  return site;
}

function collectingLogger(lines: Record<string, unknown>[]): Logger {
  return createLogger({
    component: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
}

async function materialOf(
  authority: AuthorityState,
  identity: Identity,
  times: { readonly lifetime: number; readonly now: number },
): Promise<Material> {
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, ...times });
  return {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
}
