import { RpcFailure } from '@fairlead/rpc';

/** Exit codes of `fairlead`; `fairlead --help` and the documentation list them. */
export const EXIT = {
  ok: 0,
  /** The site refused, or something went wrong. */
  error: 1,
  /** The command line or the configuration makes no sense. */
  usage: 2,
  /** The cloudagent could not be reached, or does not know who calls. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The one error of this program: what went wrong, what to do next, and how the process ends. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.error, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function usage(message: string): CliError {
  return new CliError(message, EXIT.usage);
}

/** Any error as one of ours. */
export function asCliError(error: unknown, cloudagent = 'the cloudagent'): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof RpcFailure)) {
    return new CliError(error instanceof Error ? error.message : String(error), EXIT.error, { cause: error });
  }
  const { message } = error.detail;
  switch (error.status) {
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return new CliError(
        `${cloudagent} does not answer (${plainly(message)}): is it running, and is the way to it open?`,
        EXIT.unreachable,
      );
    case 'UNAUTHENTICATED':
      return new CliError(`${message}; log in with \`fairlead login\``, EXIT.unreachable);
    default:
      return new CliError(message);
  }
}

/** What grpc-js says of a connection that could not be made, without its wrapping. */
function plainly(message: string): string {
  return /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(message)?.[1] ?? message;
}
