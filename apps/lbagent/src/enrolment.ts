import { decodeJoinToken, type Enrolment, formatIdentity, readEnrolment } from '@fairlead/certs';
import { backOff, loopBackOff, pause, systemClock } from '@fairlead/control-loop';
import { enrol } from '@fairlead/rpc';
import type { Logger } from '@fairlead/telemetry';
import { readFile } from 'node:fs/promises';

export interface EnrolmentOptions {
  readonly name: string;
  readonly pkiDir: string;
  readonly joinTokenFile?: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

type Obtained = { readonly enrolment: Enrolment } | { readonly refused: string };

/** How often the PKI directory is looked at while it holds nothing of use; milliseconds. */
const LOOK_EVERY_MS = 3_000;

/**
 * This machine's certificate, as soon as there is one: in the directory, where `lbagent join` may put it at any time, or
 * for the join token. `onRefused` is told why there is none yet, each new reason once. Undefined when told to stop.
 */
export async function awaitEnrolment(
  options: EnrolmentOptions,
  onRefused: (why: string) => void,
): Promise<Enrolment | undefined> {
  let told: string | undefined;
  while (!options.signal.aborted) {
    const obtained = await obtainEnrolment(options).catch((error: unknown) => ({
      refused: error instanceof Error ? error.message : String(error),
    }));
    if ('enrolment' in obtained) return obtained.enrolment;
    if (obtained.refused !== told) onRefused(obtained.refused);
    told = obtained.refused;
    await pause(systemClock, LOOK_EVERY_MS, options.signal);
  }
  return undefined;
}

/**
 * The certificate that is there, or one for the join token; waits as long as the cloudagent does not answer.
 * `refused`: why there is none, one sentence that says what to do.
 */
async function obtainEnrolment(options: EnrolmentOptions): Promise<Obtained> {
  const { name, pkiDir } = options;
  const held = await readEnrolment(pkiDir);
  const obtained = held ? { enrolment: held } : await enrolWithToken(options);
  if ('refused' in obtained) return obtained;
  const { identity } = obtained.enrolment;
  if (identity.kind === 'lbagent' && identity.name === name) return obtained;
  return {
    refused: `the certificate in ${pkiDir} is for ${formatIdentity(identity)}, not for LB machine ${name}: join again with a token from \`fairlead machines add ${name}\``,
  };
}

async function enrolWithToken({ name, pkiDir, joinTokenFile, log, signal }: EnrolmentOptions): Promise<Obtained> {
  if (joinTokenFile === undefined) {
    return {
      refused: `there is no certificate in ${pkiDir}: pipe a token from \`fairlead machines add ${name}\` into \`lbagent join\``,
    };
  }
  const token = await readFile(joinTokenFile, 'utf8');
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await enrol(token, pkiDir);
    } catch (error) {
      log.warn({ err: error, failures }, 'not enrolled yet; trying again');
    }
    await pause(systemClock, backOff(failures, loopBackOff, Math.random()), signal);
  }
  return { refused: 'told to stop before it was enrolled' };
}

/** Enrols with a token, which a person or a script pipes in. Answers what went wrong, or undefined. */
export async function join(token: string, pkiDir: string): Promise<string | undefined> {
  const decoded = decodeJoinToken(token);
  if ('refused' in decoded) return decoded.refused;
  const { kind, name } = decoded.token;
  // Looked at first: a token is used up by a request.
  if (kind !== 'lbagent') return `this token is for ${kind} ${name}: get one from \`fairlead machines add NAME\``;
  const enrolled = await enrol(token, pkiDir);
  return 'refused' in enrolled ? enrolled.refused : undefined;
}
