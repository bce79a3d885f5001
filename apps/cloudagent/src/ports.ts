import { serverCredentials } from '@fairlead/certs';
import {
  failure,
  type RpcFailure,
  type RpcMetrics,
  type RunningServer,
  type ServedService,
  type ServerSettings,
  startServer,
} from '@fairlead/rpc';
import { asFlagged, type Logger } from '@fairlead/telemetry';
import type { Config } from './config.ts';
import type { SiteIdentity } from './identity/open-identity.ts';
import { StoreFailure } from './store/store.ts';

export interface PortSettings {
  readonly config: Pick<Config, 'listen' | 'joinListen' | 'adminSocket'>;
  readonly log: Logger;
  readonly metrics: RpcMetrics;
  readonly identity: Pick<SiteIdentity, 'source' | 'authorise' | 'identityService'>;
}

/** The ports, listening. */
export interface OpenPorts {
  readonly control: RunningServer;
  readonly join: RunningServer;
  readonly all: readonly RunningServer[];
}

/** Opens the control port, the join port and the admin socket; what cannot be opened is named in the error. */
export async function startPorts(
  { config, log, metrics, identity }: PortSettings,
  operators: readonly ServedService[],
  controllers: ServedService,
): Promise<OpenPorts> {
  const { source, authorise } = identity;
  const common = { authorise, log, metrics, expected };
  const open = (flag: string, settings: Omit<ServerSettings, 'authorise' | 'log'>): Promise<RunningServer> =>
    asFlagged(flag, startServer({ ...common, ...settings }));
  const control = await open('--listen', {
    listen: config.listen,
    credentials: serverCredentials(source, 'required'),
    callers: 'certificate',
    services: [controllers, ...operators],
  });
  const joinPort = await open('--join-listen', {
    listen: config.joinListen,
    credentials: serverCredentials(source, 'anonymous'),
    callers: 'anonymous',
    services: [identity.identityService],
  });
  const listen = `unix:${config.adminSocket}`;
  const admin = await open('--admin-socket', { listen, callers: 'admin-socket', services: operators });
  return { control, join: joinPort, all: [control, joinPort, admin] };
}

/** The caller need only ask again once somebody has seen to the disk: nothing was changed. */
function expected(error: unknown): RpcFailure | undefined {
  return error instanceof StoreFailure ? failure('UNAVAILABLE', 'STORE_NOT_WRITABLE', error.message) : undefined;
}
