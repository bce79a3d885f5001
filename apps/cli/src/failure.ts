import { explainCall, RpcFailure } from '@fairlead/rpc';

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

/** Who was called: `HOST:PORT` or a path, and by which clock certificates were judged, milliseconds since 1970. */
export interface Called {
  readonly address: string;
  readonly now: number;
}

/** Any error as one of ours. */
export function asCliError(error: unknown, called?: Called): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof RpcFailure)) {
    return new CliError(error instanceof Error ? error.message : String(error), EXIT.error, { cause: error });
  }
  const { status, detail } = error;
  if (status === 'UNAUTHENTICATED') {
    return new CliError(`${detail.message}; log in with \`fairlead login\``, EXIT.unreachable);
  }
  if (called === undefined) return new CliError(detail.message);
  const isAway = (status === 'UNAVAILABLE' || status === 'DEADLINE_EXCEEDED') && detail.reason === status;
  return new CliError(explainCall(error, called.address, called.now), isAway ? EXIT.unreachable : EXIT.error);
}
