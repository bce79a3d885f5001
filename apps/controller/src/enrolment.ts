import { readFile } from 'node:fs/promises';
import type { EnrolledIdentity, Enrolment, Place } from '@fairlead/certs';
import { decodeJoinToken, filesAt, readEnrolment } from '@fairlead/certs';
import type { Clock } from '@fairlead/control-loop';
import { backOff, loopBackOff, pause } from '@fairlead/control-loop';
import { enroller, explainCall } from '@fairlead/rpc';
import { explainFailure } from '@fairlead/telemetry';

export interface EnrolmentOptions {
  /** Where the certificate is, or will be kept. */
  readonly place: Place;
  readonly joinTokenFile: string | undefined;
  /** The certificate must name this cluster. */
  readonly cluster: string;
  /** Told why there is none yet, one sentence that says what to do, each new one once. */
  readonly onProblem: (why: string) => void;
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
  const { place, cluster } = options;
  const held = await readEnrolment(place);
  const obtained = held === undefined ? await enrolWithToken(options) : { enrolment: held };
  if ('refused' in obtained) return obtained;
  return whyNotOurs(`the certificate in ${filesAt(place).where}`, obtained.enrolment.identity, cluster) ?? obtained;
}

function unreadable(error: unknown): string {
  return `the join token cannot be read, look at --join-token-file: ${explainFailure(error)}`;
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
  const { place, joinTokenFile, cluster, onProblem, clock, signal } = options;
  if (joinTokenFile === undefined) {
    return { refused: `there is no certificate in ${filesAt(place).where}: ${howToGetToken(cluster)}` };
  }
  const token = await readFile(joinTokenFile, 'utf8').catch((error: unknown) => ({ refused: unreadable(error) }));
  if (typeof token !== 'string') return token;
  // Looked at before it is used up.
  const decoded = decodeJoinToken(token);
  const wrong = 'token' in decoded ? whyNotOurs(`the join token in ${joinTokenFile}`, decoded.token, cluster) : decoded;
  if (wrong !== undefined || !('token' in decoded)) return wrong ?? { refused: 'the join token cannot be used' };
  const ask = enroller(token, place);
  let told: string | undefined;
  for (let failures = 1; ; failures++) {
    try {
      const enrolled = await ask();
      const enrolment = 'refused' in enrolled && filesAt(place).shared ? await ofAnother(options) : undefined;
      return enrolment === undefined ? enrolled : { enrolment };
    } catch (error) {
      const why = explainCall(error, decoded.token.join, Date.now());
      if (why !== told) onProblem(why);
      told = why;
    }
    await pause(clock, backOff(failures, loopBackOff, 0.5), signal);
    if (signal.aborted) return { refused: 'told to stop before it was enrolled' };
  }
}

const OTHERS_TRIES = 20;
const OTHERS_MS = 500;

/** What another replica got for the same token, which was quicker and is about to put it where both look. */
async function ofAnother({ place, clock, signal }: EnrolmentOptions): Promise<Enrolment | undefined> {
  for (let tries = 0; tries < OTHERS_TRIES && !signal.aborted; tries++) {
    const held = await readEnrolment(place);
    if (held !== undefined) return held;
    await pause(clock, OTHERS_MS, signal);
  }
  return undefined;
}
