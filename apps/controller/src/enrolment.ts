import { readFile } from 'node:fs/promises';
import type { Enrolment } from '@fairlead/certs';
import { formatIdentity, readEnrolment } from '@fairlead/certs';
import type { Clock } from '@fairlead/control-loop';
import { backOff, loopBackOff, pause } from '@fairlead/control-loop';
import { enrol } from '@fairlead/rpc';
import type { Logger } from '@fairlead/telemetry';

export interface EnrolmentOptions {
  readonly pkiDir: string;
  readonly joinTokenFile: string | undefined;
  /** The certificate must name this cluster. */
  readonly cluster: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The certificate that is there, or one for the join token; waits as long as the cloudagent does not answer.
 * `refused`: there will be none however long one waits, one sentence that says what to do.
 */
export async function obtainEnrolment(
  options: EnrolmentOptions,
): Promise<{ readonly enrolment: Enrolment } | { readonly refused: string }> {
  const { pkiDir, joinTokenFile, cluster } = options;
  const held = await readEnrolment(pkiDir);
  const obtained = held === undefined ? await enrolWithToken(options) : { enrolment: held };
  if ('refused' in obtained) return obtained;
  const { identity } = obtained.enrolment;
  if (identity.kind === 'controller' && identity.name === cluster) return obtained;
  const where = held === undefined ? `the join token in ${joinTokenFile}` : `the certificate in ${pkiDir}`;
  return {
    refused: `${where} is for ${formatIdentity(identity)}, not for the controller of cluster ${cluster}: make a token with \`fairlead tokens create controller/${cluster}\``,
  };
}

async function enrolWithToken(
  options: EnrolmentOptions,
): Promise<{ readonly enrolment: Enrolment } | { readonly refused: string }> {
  const { pkiDir, joinTokenFile, cluster, log, clock, signal } = options;
  if (joinTokenFile === undefined) {
    return {
      refused: `there is no certificate in ${pkiDir}: give --join-token-file with a token from \`fairlead tokens create controller/${cluster}\``,
    };
  }
  const token = await readFile(joinTokenFile, 'utf8');
  for (let failures = 1; ; failures++) {
    try {
      return await enrol(token, pkiDir);
    } catch (err) {
      log.warn({ err, failures }, 'not enrolled yet; trying again');
    }
    await pause(clock, backOff(failures, loopBackOff, 0.5), signal);
    if (signal.aborted) return { refused: 'told to stop before it was enrolled' };
  }
}
