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

/** True when the other side may only be away for a moment: not when it was reached and is not to be trusted. */
export function mayBeAway(error: unknown): boolean {
  return isTransient(error) && !UNTRUSTED.test(plainly(error instanceof Error ? error.message : ''));
}

const UNTRUSTED = /certificate|self[- ]signed|unable to (verify|get)|expected fairlead:|signature failure/i;

const NOT_REACHED = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);

const MEANINGS: readonly (readonly [RegExp, (now: string) => string])[] = [
  [
    /ECONNREFUSED/,
    () => 'refuses connections: see that it runs, and that address and port are those of its --join-listen',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|Name resolution/i,
    () => 'has a name that cannot be resolved: correct it, or see to the name server',
  ],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timed? ?out|not answered within/i,
    () => 'cannot be reached: see that it is up, and that routes and firewalls let this machine through',
  ],
  [
    /certificate has expired|CERT_HAS_EXPIRED/,
    (now) =>
      `shows a certificate that has ended by the clock here, which says ${now}: compare the clocks of both (see timedatectl)`,
  ],
  [
    /not yet valid|CERT_NOT_YET_VALID/,
    (now) =>
      `shows a certificate that has not begun by the clock here, which says ${now}: compare the clocks of both (see timedatectl)`,
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
