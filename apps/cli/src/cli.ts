import type { Command } from 'commander';
import { configPath, readConfig } from './config.ts';
import type { Environment } from './config.ts';
import { connect } from './connection.ts';
import type { Connection } from './connection.ts';
import { asCliError, usage } from './failure.ts';
import { parseSpan } from './span.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface Cli {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Ends watches. */
  readonly stopping: AbortSignal;
  /** `fairlead` or `kubectl fairlead`: what people typed. */
  readonly program: string;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly socket?: string;
  readonly requestTimeout: string;
}

/** Connects as the options say, does the work, and closes the connection whatever happens. */
export async function withConnection(
  cli: Cli,
  command: Command,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const path = configPath(options.config, cli.environment);
  const timeoutMs = parseSpan(options.requestTimeout);
  if (timeoutMs === undefined || timeoutMs === 0)
    throw usage(`--request-timeout ${options.requestTimeout} is not a time span: write for example 10s`);
  const config = options.socket === undefined && path !== undefined ? await readConfig(path) : undefined;
  const connection = await connect({ socket: options.socket, configPath: path, config, timeoutMs, now: cli.now() });
  try {
    await work(connection);
  } catch (error) {
    throw asCliError(error, { address: connection.address, now: cli.now() });
  } finally {
    connection.close();
  }
}
