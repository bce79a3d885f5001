import { decodeJoinToken, type Enrolment, formatIdentity, type JoinToken, readEnrolment } from '@fairlead/certs';
import { backOff, loopBackOff, pause, systemClock } from '@fairlead/control-loop';
import { type Enrolled, enroller, explainCall, mayBeAway } from '@fairlead/rpc';
import { explainFailure } from '@fairlead/telemetry';
import { readFile } from 'node:fs/promises';

export interface EnrolmentOptions {
  readonly name: string;
  readonly pkiDir: string;
  readonly joinTokenFile?: string;
  readonly signal: AbortSignal;
}

/** How often the PKI directory is looked at while it holds nothing of use; milliseconds. */
const LOOK_EVERY_MS = 3_000;

/**
 * This machine's certificate, as soon as there is one: in the directory, where `lbagent join` may put it at any time, or
 * for the join token. `onProblem` is told why there is none yet, one sentence that says what to do, each new one once.
 * Undefined when told to stop.
 */
export async function awaitEnrolment(
  options: EnrolmentOptions,
  onProblem: (why: string) => void,
): Promise<Enrolment | undefined> {
  const token = tokenUser(options);
  let told: string | undefined;
  for (let failures = 0; !options.signal.aborted;) {
    const obtained = await obtainEnrolment(options, token).catch((error: unknown) => ({
      refused: explainFailure(error),
    }));
    if ('enrolment' in obtained) return obtained.enrolment;
    if (obtained.refused !== told) onProblem(obtained.refused);
    told = obtained.refused;
    failures = 'mayAnswer' in obtained ? failures + 1 : 0;
    // In between somebody may have joined.
    const wait = failures > 0 ? backOff(failures, loopBackOff, Math.random()) : LOOK_EVERY_MS;
    await pause(systemClock, Math.min(wait, LOOK_EVERY_MS), options.signal);
  }
  return undefined;
}

/** `mayAnswer`: the cloudagent may be asked again. */
type Obtained = Enrolled | { readonly refused: string; readonly mayAnswer: true };

async function obtainEnrolment({ name, pkiDir }: EnrolmentOptions, useToken: UseToken): Promise<Obtained> {
  const held = await readEnrolment(pkiDir).catch((error: unknown) => ({ damage: explainFailure(error) }));
  const damage = held !== undefined && 'damage' in held ? held.damage : undefined;
  const obtained = held !== undefined && !('damage' in held) ? { enrolment: held } : await useToken(damage);
  if ('refused' in obtained) return obtained;
  const { identity } = obtained.enrolment;
  if (identity.kind === 'lbagent' && identity.name === name) return obtained;
  return {
    refused: `the certificate in ${pkiDir} is for ${formatIdentity(identity)}, not for LB machine ${name}: join again with a token from \`fairlead machines add ${name}\``,
  };
}

/** Asks for a certificate with the token of the file, if there is one that was not refused yet. */
type UseToken = (damage: string | undefined) => Promise<Obtained>;

function tokenUser({ name, pkiDir, joinTokenFile }: EnrolmentOptions): UseToken {
  let refused: { readonly text: string; readonly why: string } | undefined;
  let asking: { readonly text: string; readonly ask: () => Promise<Enrolled> } | undefined;
  return async (damage) => {
    if (joinTokenFile === undefined) {
      const how = `pipe a token from \`fairlead machines add ${name}\` into \`lbagent join\``;
      return { refused: damage ?? `there is no certificate in ${pkiDir}: ${how}` };
    }
    const text = await readFile(joinTokenFile, 'utf8');
    if (refused?.text === text) return { refused: damage ?? refused.why };
    const decoded = decodeJoinToken(text);
    // Looked at first: a token is used up by a request.
    const wrong = 'token' in decoded ? whyNotOurs(decoded.token, name) : decoded.refused;
    if (wrong !== undefined || !('token' in decoded)) return { refused: `${joinTokenFile}: ${wrong}` };
    if (asking?.text !== text) asking = { text, ask: enroller(text, pkiDir) };
    const outcome = await asking.ask().catch((error: unknown) => ({ failed: error }));
    if ('failed' in outcome)
      return { refused: explainCall(outcome.failed, decoded.token.join, Date.now()), mayAnswer: true };
    if ('refused' in outcome) refused = { text, why: outcome.refused };
    return outcome;
  };
}

function whyNotOurs({ kind, name: whose }: JoinToken, name: string | undefined): string | undefined {
  if (kind === 'lbagent' && (name === undefined || whose === name)) return undefined;
  return `this token is for ${kind} ${whose}: get one from \`fairlead machines add ${name ?? 'NAME'}\``;
}

/** How long a person who joins waits for a cloudagent that does not answer; milliseconds. */
const JOIN_WITHIN_MS = 5_000;

/** Enrols with a token, which a person or a script pipes in. Answers what went wrong, or undefined. */
export async function join(text: string, pkiDir: string): Promise<string | undefined> {
  const decoded = decodeJoinToken(text);
  if ('refused' in decoded) return decoded.refused;
  const wrong = whyNotOurs(decoded.token, undefined);
  if (wrong !== undefined) return wrong;
  const ask = enroller(text, pkiDir);
  const until = performance.now() + JOIN_WITHIN_MS;
  for (let failures = 1; ; failures++) {
    try {
      const enrolled = await ask();
      return 'refused' in enrolled ? enrolled.refused : undefined;
    } catch (error) {
      // One that was started again in between answers to the same key.
      if (!mayBeAway(error) || performance.now() > until) return explainCall(error, decoded.token.join, Date.now());
    }
    await pause(systemClock, backOff(failures, loopBackOff, Math.random()), new AbortController().signal);
  }
}
