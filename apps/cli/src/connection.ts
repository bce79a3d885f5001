import { channelCredentials, materialSource } from '@fairlead/certs';
import {
  CertificatesService,
  createClient,
  HealthService,
  MachinesService,
  openChannel,
  openEnrolment,
  SiteService,
} from '@fairlead/rpc';
import type { Channel, RpcClient } from '@fairlead/rpc';
import { accessSync, constants, existsSync } from 'node:fs';
import type { Config } from './config.ts';
import { CliError, EXIT } from './failure.ts';

/** The services of a cloudagent that an operator uses. */
export interface Connection {
  /** `HOST:PORT`, or the path of a socket; for messages. */
  readonly address: string;
  readonly site: RpcClient<typeof SiteService>;
  readonly machines: RpcClient<typeof MachinesService>;
  readonly certificates: RpcClient<typeof CertificatesService>;
  readonly health: RpcClient<typeof HealthService>;
  close(): void;
}

/** Where a cloudagent on this machine has its admin socket. */
export const DEFAULT_SOCKET = '/run/fairlead/admin.sock';

export interface Target {
  /** `--socket`. */
  readonly socket: string | undefined;
  /** Where it was looked for. */
  readonly configPath: string | undefined;
  readonly config: Config | undefined;
  readonly timeoutMs: number;
  /** Milliseconds since 1970: decides whether the certificate is renewed first. */
  readonly now: number;
}

function socketProblem(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
      ? `this user may not use ${path}: run this as root, or as a member of the group that the cloudagent runs as`
      : `there is no socket ${path}: is the cloudagent running on this machine?`;
  }
}

/** Connects as the local administrator through a socket, or as the operator of the configuration. */
export async function connect({ socket, configPath, config, timeoutMs, now }: Target): Promise<Connection> {
  const fallback = config === undefined && existsSync(DEFAULT_SOCKET) ? DEFAULT_SOCKET : undefined;
  const path = socket ?? config?.socket ?? fallback;
  if (path !== undefined) {
    const problem = socketProblem(path);
    if (problem !== undefined) throw new CliError(problem, EXIT.unreachable);
    return over(openChannel(`unix:${path}`, undefined), path, timeoutMs);
  }
  if (config?.pkiDirectory === undefined) {
    const where = configPath === undefined ? '' : ` (no ${configPath})`;
    const message = `nobody is logged in${where}: run \`fairlead login\`, or use --socket PATH on the cloudagent's machine`;
    throw new CliError(message, EXIT.unreachable);
  }
  const enrolment = await openEnrolment(config.pkiDirectory, now);
  if (enrolment === undefined) {
    throw new CliError(
      `there is no certificate in ${config.pkiDirectory}: run \`fairlead login\` again`,
      EXIT.unreachable,
    );
  }
  const cloudagent = { kind: 'cloudagent', site: enrolment.identity.site } as const;
  const address = config.cloudagent ?? enrolment.control;
  return over(
    openChannel(address, channelCredentials(materialSource(enrolment.material), cloudagent)),
    address,
    timeoutMs,
  );
}

function over(channel: Channel, address: string, timeoutMs: number): Connection {
  const settings = { timeoutMs };
  return {
    address,
    site: createClient(SiteService, channel, settings),
    machines: createClient(MachinesService, channel, settings),
    certificates: createClient(CertificatesService, channel, settings),
    health: createClient(HealthService, channel, settings),
    close: () => channel.close(),
  };
}
