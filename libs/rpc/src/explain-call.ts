import { explainFailure } from '@fairlead/telemetry';
import { isTransient, RpcFailure } from './failure.ts';

/**
 * What a failed call to the cloudagent at `address` (HOST:PORT) means to a person: one sentence on what is wrong and what
 * to do. `now`: milliseconds since 1970, by the clock that judges certificates here.
 */
export function explainCall(error: unknown, address: string, now: number): string {
  if (!(error instanceof RpcFailure)) return explainFailure(error);
  const said = plainly(error.detail.message);
  const found = MEANINGS.find(([pattern]) => pattern.test(said));
  if (found !== undefined) return `the cloudagent at ${address} ${found[1](new Date(now).toISOString())}`;
  if (!NOT_REACHED.has(error.status) || error.detail.reason !== error.status) return said;
  return `the cloudagent at ${address} does not answer (${said}): see that it runs, and that the address is right`;
}

/**
 * What a verdict of OpenSSL on a certificate means when it is one about time: goes on after who shows it. Undefined for
 * every other. `now`: RFC 3339.
 */
export function explainClock(verdict: string, now: string): string | undefined {
  const fault = OUT_OF_TIME.get(verdict);
  if (fault === undefined) return undefined;
  return `shows a certificate that ${fault} by the clock here, which says ${now}: compare the clocks of both (see timedatectl)`;
}

const OUT_OF_TIME: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'has ended'],
  ['CERT_NOT_YET_VALID', 'has not begun'],
]);

/** True when the other side may only be away for a moment: not when it was reached and is not to be trusted. */
export function mayBeAway(error: unknown): boolean {
  return isTransient(error) && !UNTRUSTED.test(plainly(error instanceof Error ? error.message : ''));
}

const UNTRUSTED = /certificate|self[- ]signed|unable to (verify|get)|expected fairlead:|signature failure/i;

const NOT_REACHED = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);

const MEANINGS: readonly (readonly [RegExp, (now: string) => string])[] = [
  [/ECONNREFUSED/, () => 'refuses connections: see that it runs, and that it listens there'],
  [
    /ENOTFOUND|EAI_AGAIN|Name resolution/i,
    () => 'has a name that cannot be resolved: correct it, or see to the name server',
  ],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timed? ?out|not answered within/i,
    () => 'cannot be reached: see that it is up, and that routes and firewalls let this machine through',
  ],
  [/certificate has expired/, (now) => explainClock('CERT_HAS_EXPIRED', now)!],
  [/not yet valid/, (now) => explainClock('CERT_NOT_YET_VALID', now)!],
  [
    /^Failed to connect/,
    () =>
      'ends the connection once it has seen who calls: see its log, and compare the clocks of both (see timedatectl)',
  ],
  [
    /self[- ]signed|unable to (verify|get)|expected fairlead:|signature failure/i,
    () => 'is not the one that is trusted here: make a new join token at the right one, or correct the address',
  ],
];

/** What grpc-js says of a connection that could not be made, without its frame. */
function plainly(message: string): string {
  return /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(message)?.[1] ?? message;
}
