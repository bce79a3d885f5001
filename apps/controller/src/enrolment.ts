import { readFile } from 'node:fs/promises';
import type { EnrolledIdentity, Enrolment } from '@fairlead/certs';
import { decodeJoinToken, readEnrolment } from '@fairlead/certs';
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
  const { pkiDir, cluster } = options;
  const held = await readEnrolment(pkiDir);
  const obtained = held === undefined ? await enrolWithToken(options) : { enrolment: held };
  if ('refused' in obtained) return obtained;
  return whyNotOurs(`the certificate in ${pkiDir}`, obtained.enrolment.identity, cluster) ?? obtained;
}

function unreadable(error: Error): string {
  return `the join token cannot be read: ${error.message}; look at --join-token-file`;
}

function whyNotOurs(
  where: string,
  { kind, site, name }: Pick<EnrolledIdentity, 'kind' | 'site' | 'name'>,
  cluster: string,
): { readonly refused: string } | undefined {
  if (kind === 'controller' && name === cluster) return undefined;
  const is = `${where} is for ${kind}/${name} of site ${site}`;
  return { refused: `${is}, not for the controller of cluster ${cluster}: ${howToGetToken(cluster)}` };
}

function howToGetToken(cluster: string): string {
  return `give --join-token-file with a token from \`fairlead tokens create controller ${cluster}\``;
}

async function enrolWithToken(
  options: EnrolmentOptions,
): Promise<{ readonly enrolment: Enrolment } | { readonly refused: string }> {
  const { pkiDir, joinTokenFile, cluster, log, clock, signal } = options;
  if (joinTokenFile === undefined) {
    return { refused: `there is no certificate in ${pkiDir}: ${howToGetToken(cluster)}` };
  }
  const token = await readFile(joinTokenFile, 'utf8').catch((error: Error) => ({ refused: unreadable(error) }));
  if (typeof token !== 'string') return token;
  // Looked at before it is used up.
  const decoded = decodeJoinToken(token);
  const wrong = 'token' in decoded ? whyNotOurs(`the join token in ${joinTokenFile}`, decoded.token, cluster) : decoded;
  if (wrong !== undefined) return wrong;
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
