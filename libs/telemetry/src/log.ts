import pino, { type DestinationStream, type Logger } from 'pino';
import { explainFailure } from './explain-failure.ts';
import type { Trace } from './trace.ts';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogSettings {
  /** Which program: "cloudagent", "lbagent", "controller". */
  readonly component: string;
  readonly level: LogLevel;
  /** Where lines go; standard output unless given. */
  readonly destination?: DestinationStream;
}

/**
 * A logger that writes one line of JSON per event, before the call returns: level (a word), time (RFC 3339), component,
 * msg, and what the caller adds. Fields that hold secrets, join tokens and private keys never get out. An error (`err`)
 * is told as a sentence; only one that no program means to throw, such as a TypeError, brings its stack.
 */
export function createLogger({ component, level, destination }: LogSettings): Logger {
  return pino(
    {
      level,
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      serializers: { err: (error: unknown) => describeError(error, TALKATIVE.includes(level)) },
      hooks: { streamWrite: withoutSecrets },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

/** The logger whose every line carries the trace's id. */
export function withTrace(log: Logger, trace: Trace): Logger {
  return log.child({ trace_id: trace.traceId });
}

const TALKATIVE: readonly LogLevel[] = ['debug', 'trace'];

/** What the engine itself throws when a program is wrong. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError];

function describeError(error: unknown, withStack: boolean): unknown {
  if (!(error instanceof Error)) return error;
  const { name: type, message: _, stack, cause, ...facts } = error as Error & Record<string, unknown>;
  const because = cause === undefined ? '' : `: ${explainFailure(cause)}`;
  const told = { type, message: `${explainFailure(error)}${because}`, ...facts };
  return withStack || MISTAKES.some((mistake) => error instanceof mistake) ? { ...told, stack } : told;
}

const SECRET_FIELDS = [
  'token',
  'joinToken',
  'secret',
  'password',
  'passphrase',
  'authorization',
  'privateKey',
  'privateKeyPem',
  'keyPem',
];

/** The text without join tokens and private keys: for longer texts, such as an error that quotes its input. */
export function withoutSecrets(line: string): string {
  return line
    .replace(/fairlead1\.[\w-]+/g, 'fairlead1.[redacted]')
    .replace(/-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/gs, '[redacted]');
}
