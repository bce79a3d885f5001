import {
  enrolmentVersion,
  filesAt,
  factsOfMaterial,
  formatIdentity,
  materialSource,
  nextAttempt,
  readEnrolment,
  renewAt,
  sameIdentity,
  writeEnrolment,
  type Enrolment,
  type MaterialFacts,
  type MaterialSource,
  type Place,
  type RenewalHistory,
  type ReplaceableMaterial,
  type Validity,
} from '@fairlead/certs';
import type { Logger } from '@fairlead/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainCall } from './explain-call.ts';
import { renew } from './identity-client.ts';
import type { RpcMetrics } from './metrics.ts';

/** An enrolment that stays valid while the process runs. */
export interface LiveEnrolment {
  readonly enrolment: Pick<Enrolment, 'identity' | 'join' | 'control'>;
  /** For `serverCredentials` and `channelCredentials`: always the newest certificate. */
  readonly source: MaterialSource;
  /** Of the current certificate. For metrics. */
  validity(): Validity;
  /** Stops renewing. */
  stop(): Promise<void>;
}

export interface RenewalSettings {
  /** Where the enrolment is kept. */
  readonly place: Place;
  /** As `readEnrolment` or `enrol` gave it. */
  readonly enrolment: Enrolment;
  readonly log: Logger;
  readonly metrics?: RpcMetrics;
  /** Why it is not as it should be, one sentence with what to do, after each failure; undefined when it is well again. */
  readonly onProblem?: (problem: string | undefined) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** 0 ≤ random < 1. */
  readonly random?: () => number;
}

const noFailures: RenewalHistory = { failures: 0, lastFailure: 0 };

/** A clock may jump and a machine may sleep, so the time is looked at this often at least. */
const longestSleep = 30_000;

/**
 * Renews the certificate between 60 % and 70 % of its life, again and again, with pauses after failures; also takes up
 * what somebody else (a new `join`, another replica) puts into the place. Open connections are not touched. A certificate that could
 * not be written to disk is used all the same.
 */
export function keepRenewed(settings: RenewalSettings): LiveEnrolment {
  const stopping = new AbortController();
  const renewal = new Renewal(settings);
  const running = renewal.run(stopping.signal);
  return {
    enrolment: settings.enrolment,
    source: renewal.source,
    validity: () => renewal.facts,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/**
 * The enrolment of a directory, renewed first when it is due: for programs that run for a moment, such as a command
 * line. Undefined when nobody has enrolled there. One that cannot be renewed now is given as it is, while it lasts.
 */
export async function openEnrolment(
  pkiDirectory: string,
  now = Date.now(),
  random = Math.random(),
): Promise<Enrolment | undefined> {
  const held = await readEnrolment(pkiDirectory);
  if (held === undefined) return undefined;
  const facts = factsOfMaterial(held.material);
  if (now < renewAt(facts, random)) return held;
  try {
    const next = await renew(held);
    if ('refused' in next) throw new Error(next.refused);
    await writeEnrolment(pkiDirectory, next.enrolment);
    return next.enrolment;
  } catch (error) {
    if (now < facts.notAfter) return held;
    const why = explainCall(error, held.join, now);
    throw new Error(`the certificate of ${formatIdentity(facts.identity)} is past its end and not renewed: ${why}`, {
      cause: error,
    });
  }
}

class Renewal {
  readonly source: ReplaceableMaterial;
  facts: MaterialFacts;
  readonly #settings: RenewalSettings;
  readonly #now: () => number;
  readonly #random: () => number;
  #enrolment: Enrolment;
  #history: RenewalHistory = noFailures;
  /** Drawn once per certificate and per failure. */
  #draw: number;
  #version: string | undefined;

  constructor(settings: RenewalSettings) {
    this.#settings = settings;
    this.#now = settings.now ?? Date.now;
    this.#random = settings.random ?? Math.random;
    this.#enrolment = settings.enrolment;
    this.#draw = this.#random();
    this.source = materialSource(settings.enrolment.material);
    this.facts = factsOfMaterial(settings.enrolment.material);
  }

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const due = nextAttempt(this.facts, this.#history, this.#draw);
      const pause = Math.min(Math.max(due - this.#now(), 0), longestSleep);
      await sleep(pause, undefined, { signal: stopping, ref: false }).catch(() => {});
      if (stopping.aborted) return;
      try {
        await this.#takeUpNewFiles();
        if (this.#now() >= nextAttempt(this.facts, this.#history, this.#draw)) await this.#renew();
      } catch (error) {
        const expires = new Date(this.facts.notAfter).toISOString();
        this.#failed(error, `the certificate, good until ${expires}, is not renewed`);
      }
    }
  }

  async #takeUpNewFiles(): Promise<void> {
    const { place } = this.#settings;
    const version = await enrolmentVersion(place);
    if (version === undefined && filesAt(place).shared) return await this.#putBack();
    if (version === this.#version) return;
    // Noted first: files that cannot be used are complained of once, and do not stand in the way of a renewal.
    this.#version = version;
    const found = await readEnrolment(this.#settings.place);
    if (found === undefined || !sameIdentity(found.identity, this.#enrolment.identity)) return;
    // What is in use may be newer than what is on disk, when the disk could not be written.
    if (factsOfMaterial(found.material).notAfter <= this.facts.notAfter) return;
    this.#use(found, 'certificate taken up that somebody else put there');
    this.#succeeded();
  }

  /** A shared place may be emptied by whoever made it, such as an upgrade that replaces it. */
  async #putBack(): Promise<void> {
    await writeEnrolment(this.#settings.place, this.#enrolment);
    this.#version = await enrolmentVersion(this.#settings.place);
    this.#settings.log.warn(
      { place: filesAt(this.#settings.place).where },
      'the certificate was gone, and is put back',
    );
  }

  async #renew(): Promise<void> {
    const next = await renew(this.#enrolment, this.#settings.metrics);
    if ('refused' in next) throw new Error(next.refused);
    const written = await writeEnrolment(this.#settings.place, next.enrolment).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#version = await enrolmentVersion(this.#settings.place);
    this.#use(next.enrolment, 'certificate renewed');
    if (written === undefined) this.#succeeded();
    else this.#failed(written.error, 'the new certificate is in use, and lost when this program ends');
  }

  #use(enrolment: Enrolment, message: string): void {
    this.source.replace(enrolment.material);
    this.#enrolment = enrolment;
    this.facts = factsOfMaterial(enrolment.material);
    this.#draw = this.#random();
    const { serial, notAfter } = this.facts;
    this.#settings.log.info({ serial, expires: new Date(notAfter).toISOString() }, message);
  }

  #succeeded(): void {
    if (this.#history.failures > 0) this.#settings.onProblem?.(undefined);
    this.#history = noFailures;
  }

  #failed(error: unknown, what: string): void {
    const { log, onProblem } = this.#settings;
    const problem = `${what}: ${explainCall(error, this.#enrolment.join, this.#now())}`;
    this.#history = { failures: this.#history.failures + 1, lastFailure: this.#now() };
    this.#draw = this.#random();
    log.warn({ err: error, failures: this.#history.failures }, problem);
    onProblem?.(problem);
  }
}
