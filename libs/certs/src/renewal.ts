/** From when to when a certificate is valid, milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** How the attempts to renew a certificate went so far. */
export interface RenewalHistory {
  /** Failed attempts in a row. */
  readonly failures: number;
  /** When the last one failed, milliseconds since 1970; 0 when none did. */
  readonly lastFailure: number;
}

/** Clocks differ a little: our certificates are valid from this long before they were made, in milliseconds. */
export const backdating = 60_000;

const shortestPause = 1000;
const longestPause = 3_600_000;
const longestEmergencyPause = 60_000;

/** From here on every attempt counts: the last fifth of a certificate's life, and all the time after it. */
const emergency = 0.8;

/**
 * When to renew, milliseconds since 1970: between 60 % and 70 % of the certificate's life. `random` (0 ≤ random < 1)
 * is drawn once per certificate, so that many machines enrolled at once do not come back at once.
 */
export function renewAt(validity: Validity, random: number): number {
  return madeAt(validity) + lifeOf(validity) * (0.6 + 0.1 * random);
}

/**
 * When to try again after failures, milliseconds since 1970: pauses double from 1 s to an hour, in the emergency
 * window to a minute at most, and never beyond a fiftieth of the certificate's life; `random` (0 ≤ random < 1) spreads
 * them over the upper half of each pause. Without failures it is {@link renewAt}.
 */
export function nextAttempt(validity: Validity, history: RenewalHistory, random: number): number {
  if (history.failures === 0) return renewAt(validity, random);
  const inEmergency = history.lastFailure >= madeAt(validity) + lifeOf(validity) * emergency;
  const longest = Math.max(
    shortestPause,
    Math.min(inEmergency ? longestEmergencyPause : longestPause, lifeOf(validity) / 50),
  );
  const pause = Math.min(shortestPause * 2 ** Math.min(history.failures - 1, 30), longest);
  return history.lastFailure + pause * (0.5 + 0.5 * random);
}

function madeAt(validity: Validity): number {
  return validity.notBefore + backdating;
}

function lifeOf(validity: Validity): number {
  return Math.max(0, validity.notAfter - madeAt(validity));
}
