import { serverCredentials } from '@fairlead/certs';
import { type RpcMetrics, type RunningServer, type ServedService, startServer } from '@fairlead/rpc';
import type { Logger } from '@fairlead/telemetry';
import type { Config } from './config.ts';
import type { SiteIdentity } from './identity/open-identity.ts';

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
  const common = { authorise, log, metrics };
  const control = await startServer({
    ...common,
    listen: config.listen,
    credentials: serverCredentials(source, 'required'),
    callers: 'certificate',
    services: [controllers, ...operators],
  });
  const joinPort = await startServer({
    ...common,
    listen: config.joinListen,
    credentials: serverCredentials(source, 'anonymous'),
    callers: 'anonymous',
    services: [identity.identityService],
  });
  const listen = `unix:${config.adminSocket}`;
  const admin = await startServer({ ...common, listen, callers: 'admin-socket', services: operators });
  return { control, join: joinPort, all: [control, joinPort, admin] };
}
