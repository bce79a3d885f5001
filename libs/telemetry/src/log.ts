import pino, { type DestinationStream, type Logger } from 'pino';
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
 * msg, and what the caller adds. Fields that hold secrets, join tokens and private keys never get out.
 */
export function createLogger({ component, level, destination }: LogSettings): Logger {
  return pino(
    {
      level,
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      hooks: { streamWrite: withoutSecrets },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

/** The logger whose every line carries the trace's id. */
export function withTrace(log: Logger, trace: Trace): Logger {
  return log.child({ trace_id: trace.traceId });
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

/** For secrets inside longer texts, such as an error that quotes its input. */
function withoutSecrets(line: string): string {
  return line
    .replace(/fairlead1\.[\w-]+/g, 'fairlead1.[redacted]')
    .replace(/-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/gs, '[redacted]');
}
