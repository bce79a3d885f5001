import {
  certificatesToPem,
  defaultLifetimeOf,
  factsOfMaterial,
  issueLeaf,
  makeKeyPair,
  materialSource,
  nextAttempt,
  privateKeyToPem,
  tryMaterial,
  type AuthorityState,
  type Material,
  type MaterialFacts,
  type MaterialSource,
} from '@fairlead/certs';
import { explainFailure, type Logger } from '@fairlead/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** The cloudagent's own certificate, which it signs itself; its key never leaves the memory of the process. */
export interface OwnCertificate {
  readonly source: MaterialSource;
  facts(): MaterialFacts;
  stop(): Promise<void>;
}

export interface OwnCertificateSettings {
  readonly site: string;
  /** The authority as it should be now; asked before each certificate. */
  readonly freshAuthority: () => Promise<AuthorityState>;
  /** Milliseconds; the default of the kind when absent. */
  readonly lifetime?: number;
  readonly log: Logger;
  readonly now: () => number;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  /** Told why it is not renewed, one sentence, and undefined once it is. */
  readonly onProblem?: (problem: string | undefined) => void;
}

const longestSleep = 30_000;

/** Makes the first certificate and keeps renewing it in the background. */
export async function keepOwnCertificate(settings: OwnCertificateSettings): Promise<OwnCertificate> {
  const source = materialSource(await certify(settings));
  let facts = factsOfMaterial(source.current());
  const renew = async (): Promise<void> => {
    source.replace(await certify(settings));
    facts = factsOfMaterial(source.current());
    const { serial, notAfter } = facts;
    settings.log.info({ serial, expires: new Date(notAfter).toISOString() }, 'own certificate renewed');
  };
  const stopping = new AbortController();
  const running = keepRenewing(settings, { facts: () => facts, renew, stopping: stopping.signal });
  return {
    source,
    facts: () => facts,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function keepRenewing(
  { now, random, log, onProblem }: OwnCertificateSettings,
  own: { readonly facts: () => MaterialFacts; readonly renew: () => Promise<void>; readonly stopping: AbortSignal },
): Promise<void> {
  let history = { failures: 0, lastFailure: 0 };
  let draw = random();
  // One from the future was made by a clock that was ahead, and nobody takes it.
  const due = (): number =>
    history.failures === 0 && now() < own.facts().notBefore ? now() : nextAttempt(own.facts(), history, draw);
  while (!own.stopping.aborted) {
    const pause = Math.max(due() - now(), 0);
    await sleep(Math.min(pause, longestSleep), undefined, { signal: own.stopping, ref: false }).catch(() => {});
    if (own.stopping.aborted || now() < due()) continue;
    draw = random();
    try {
      await own.renew();
      history = { failures: 0, lastFailure: 0 };
      onProblem?.(undefined);
    } catch (error) {
      history = { failures: history.failures + 1, lastFailure: now() };
      const until = new Date(own.facts().notAfter).toISOString();
      const problem = `the certificate of the cloudagent, good until ${until}, is not renewed: ${explainFailure(error)}`;
      log.error({ err: error, failures: history.failures }, problem);
      onProblem?.(problem);
    }
  }
}

async function certify({ site, freshAuthority, lifetime, now }: OwnCertificateSettings): Promise<Material> {
  const authority = await freshAuthority();
  const keys = await makeKeyPair();
  const identity = { kind: 'cloudagent', site } as const;
  const leaf = issueLeaf(authority, {
    identity,
    publicKey: keys.publicKey,
    lifetime: lifetime ?? defaultLifetimeOf('cloudagent'),
    now: now(),
  });
  const material = {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(leaf.chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
  await tryMaterial(material);
  return material;
}
