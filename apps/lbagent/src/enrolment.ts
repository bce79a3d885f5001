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

export type Obtained = { readonly enrolment: Enrolment } | { readonly refused: string };

/**
 * The certificate that is there, or one for the join token; waits as long as the cloudagent does not answer.
 * `refused`: there will be none however long one waits, one sentence that says what to do.
 */
export async function obtainEnrolment(options: EnrolmentOptions): Promise<Obtained> {
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
