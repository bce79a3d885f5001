import {
  anonymousChannelCredentials,
  decodeJoinToken,
  serverCredentials,
  type EnrolledKind,
  type JoinToken,
} from '@fairlead/certs';
import {
  createClient,
  IdentityService,
  openChannel,
  startServer,
  type Channel,
  type RpcClient,
  type RunningServer,
  type ServedService,
  type ServerSettings,
} from '@fairlead/rpc';
import { createLogger, type Logger } from '@fairlead/telemetry';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../authorise.ts';
import { openSqliteStore } from '../../store/sqlite-store.ts';
import type { Store } from '../../store/store.ts';
import { slowStore } from './slow-store.ts';
import { openIdentity, type SiteIdentity, type SiteIdentitySettings } from '../open-identity.ts';

/** A cloudagent reduced to its identity: real store, real join and control port; its clock can be moved. */
export interface TestSite {
  readonly identity: SiteIdentity;
  readonly store: Store;
  readonly log: Logger;
  /** What was logged. */
  readonly lines: Record<string, unknown>[];
  /** Its own directory for files. */
  readonly directory: string;
  /** HOST:PORT of its two ports. */
  readonly addresses: { readonly join: string; readonly control: string };
  /** `later` is added to the clock of the cloudagent, milliseconds. */
  readonly clock: { later: number };
  token(kind: EnrolledKind, name: string, role?: Role): Promise<string>;
  /** A client of the join port that trusts this site. */
  joinClient(): RpcClient<typeof IdentityService>;
  start(settings: Pick<ServerSettings, 'services' | 'credentials' | 'authorise' | 'callers'>): Promise<RunningServer>;
  opened(channel: Channel): Channel;
  onClose(cleanup: () => Promise<void> | void): void;
  /** The audit lines of refusals: their reasons. */
  refusals(): unknown[];
  /** Ends it and keeps its directory, for `reopen`. */
  halt(): Promise<void>;
  close(): Promise<void>;
}

export async function openTestSite(
  settings: Partial<SiteIdentitySettings> & {
    readonly reopen?: string;
    readonly readLatency?: number;
  } = {},
): Promise<TestSite> {
  const directory = settings.reopen ?? mkdtempSync(join(tmpdir(), 'fairlead-identity-'));
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    component: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const cleanups: (() => Promise<void> | void)[] = [];
  const store = slowStore(
    openSqliteStore({ file: join(directory, 'state', 'store.sqlite') }),
    settings.readLatency ?? 0,
  );
  const addresses = { join: '', control: '' };
  const clock = { later: 0 };
  const identity = await openIdentity({
    place: join(directory, 'identity'),
    site: 'lab',
    store,
    log,
    addresses: () => addresses,
    now: () => Date.now() + clock.later,
    ...settings,
  });
  const site: TestSite = {
    identity,
    store,
    log,
    lines,
    directory,
    addresses,
    clock,
    token: async (kind, name, role) =>
      (await identity.makeJoinToken({ kind, name, by: 'test', ...(role === undefined ? {} : { role }) })).token,
    joinClient() {
      const credentials = anonymousChannelCredentials(identity.source, identity.identity);
      return createClient(IdentityService, site.opened(openChannel(addresses.join, credentials, PATIENT)), PATIENT);
    },
    async start(settings) {
      const server = await startServer({ listen: '127.0.0.1:0', log, ...settings });
      cleanups.push(async () => await server.stop(0));
      return server;
    },
    opened(channel) {
      cleanups.push(() => channel.close());
      return channel;
    },
    onClose: (cleanup) => void cleanups.push(cleanup),
    refusals: () => lines.filter(({ audit }) => audit === 'certificate-refused').map(({ reason }) => reason),
    async halt() {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
      await identity.stop();
      await store.close();
    },
    async close() {
      await site.halt();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  addresses.join = await portOf(site, 'anonymous', identity.identityService);
  addresses.control = await portOf(site, 'certificate', identity.certificatesService);
  return site;
}

async function portOf(site: TestSite, callers: 'anonymous' | 'certificate', service: ServedService): Promise<string> {
  const { source, authorise } = site.identity;
  const credentials = serverCredentials(source, callers === 'certificate' ? 'required' : 'anonymous');
  const { port } = await site.start({ callers, authorise, credentials, services: [service] });
  return `127.0.0.1:${String(port)}`;
}

/** Many clients and their server in one process may take their time beside other work; what they are told counts. */
const PATIENT = { connectTimeoutMs: 15_000, timeoutMs: 18_000 };

/** The token's content. */
export function contentOf(text: string): JoinToken {
  const decoded = decodeJoinToken(text);
  if ('refused' in decoded) throw new Error(decoded.refused);
  return decoded.token;
}
