import {
  acceptedPublicKey,
  decodeJoinToken,
  defaultGrace,
  defaultLifetimeOf,
  formatIdentity,
  identityOfCertificate,
  issueLeaf,
  judgeRenewal,
  publicKeyToDer,
  readChain,
  secretMatches,
  verifyProof,
  type AuthorityState,
  type EnrolledIdentity,
  type EnrolledKind,
  type IssuedLeaf,
  type JoinToken,
  type Purpose,
} from '@fairlead/certs';
import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import type { Nonces } from './nonces.ts';
import type { IdentityRecords, TokenRecord } from './records.ts';
import type { IdentityRefusal, IdentityRefusalReason } from './refusal.ts';

/** What certificates are given by. */
export interface CertifierSettings {
  readonly authority: () => AuthorityState;
  readonly records: IdentityRecords;
  readonly nonces: Nonces;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds; the default of the kind when absent. */
  readonly lifetimeOf?: (kind: EnrolledKind) => number;
  /** How long after its end a certificate may still be renewed, milliseconds. */
  readonly grace?: number;
  /** Whether somebody else than the certificate records knows of the identity; asked for expired ones only. */
  readonly isDeclared?: (identity: EnrolledIdentity) => boolean;
}

/** A key and the proof of having it. */
export interface KeyProof {
  readonly nonce: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** By the new key over the statement of the purpose. */
  readonly signature: Uint8Array;
}

/** A request for the first certificate. */
export interface Enrolling extends KeyProof {
  readonly token: string;
}

/** A request for the next certificate. */
export interface Renewing extends KeyProof {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** By the old key over the same statement. */
  readonly oldKeySignature: Uint8Array;
}

/** A certificate, or why there is none. */
export type Certified = { readonly issued: IssuedLeaf & { readonly identity: EnrolledIdentity } } | IdentityRefusal;

/** Gives certificates to those who prove that they may have them. */
export interface Certifier {
  enrol(request: Enrolling): Promise<Certified>;
  renew(request: Renewing): Promise<Certified>;
}

/** A certifier. It decides and records; it neither logs nor speaks gRPC. */
export function certifier(settings: CertifierSettings): Certifier {
  return {
    enrol: async (request) => await enrol(settings, request),
    renew: async (request) => await renew(settings, request),
  };
}

async function enrol(settings: CertifierSettings, request: Enrolling): Promise<Certified> {
  const now = settings.now();
  const decoded = decodeJoinToken(request.token);
  const claimed = 'token' in decoded ? `${decoded.token.kind}/${decoded.token.name} (token ${decoded.token.id})` : '';
  const key = provenKey(settings, 'enrol', request, claimed);
  if ('refused' in key) return key;
  if ('refused' in decoded) return { refused: 'TOKEN_MALFORMED', message: decoded.refused, claimed };
  const { token } = decoded;
  const found = await settings.records.findToken(token.id);
  const fingerprint = createHash('sha256').update(request.publicKey).digest('hex');
  const fault = faultOfToken(token, found, { site: settings.authority().site, now, key: fingerprint });
  if (found === undefined || fault !== undefined) return { ...(fault ?? unknownToken), claimed };
  const identity = { kind: found.kind, site: token.site, name: found.name };
  const leaf = issue(settings, identity, key.key);
  if (await settings.records.redeem(token.id, found, { leaf, now, key: fingerprint })) return { issued: leaf };
  return { ...usedToken, claimed };
}

async function renew(settings: CertifierSettings, request: Renewing): Promise<Certified> {
  const now = settings.now();
  const leaf = request.chain[0] ?? Buffer.alloc(0);
  const named = identityOfCertificate(leaf);
  const claimed = named === undefined ? '' : formatIdentity(named);
  const key = provenKey(settings, 'renew', request, claimed);
  if ('refused' in key) return key;
  const { site, root } = settings.authority();
  const facts = readChain(request.chain, [root.certificate]);
  if (facts === undefined) {
    return { refused: 'CHAIN_INCOMPLETE', message: 'the request carries no readable certificate chain', claimed };
  }
  const isRecorded = named !== undefined && named.kind !== 'cloudagent' && (await settings.records.isKnown(named));
  const verdict = judgeRenewal(facts, {
    site,
    now,
    grace: settings.grace ?? defaultGrace,
    revokedSerials: new Set(),
    revokedIdentities: new Set(),
    isKnown: (identity) => isRecorded || settings.isDeclared?.(identity) === true,
  });
  if ('refused' in verdict) return { ...verdict, claimed };
  const oldKey = new X509Certificate(leaf).publicKey;
  if (!verifyProof('renew', oldKey, { ...request, signature: request.oldKeySignature })) {
    return { ...wrongSignature('old'), claimed };
  }
  if (publicKeyToDer(oldKey).equals(request.publicKey)) {
    return { refused: 'KEY_REUSED', message: 'each certificate needs a key of its own: make a new one', claimed };
  }
  const issued = issue(settings, verdict.accepted, key.key);
  await settings.records.recordRenewal({ leaf: issued, now });
  return { issued };
}

/** The new key, once the request has shown a good nonce and that it holds the key. The nonce is spent either way. */
function provenKey(
  { nonces, now }: CertifierSettings,
  purpose: Purpose,
  proof: KeyProof,
  claimed: string,
): { readonly key: KeyObject } | IdentityRefusal {
  if (!nonces.take(proof.nonce, now())) {
    return {
      refused: 'NONCE_INVALID',
      message: 'the nonce is unknown, used or older than a minute: ask for another',
      claimed,
    };
  }
  const key = acceptedPublicKey(proof.publicKey);
  if (key === undefined) {
    return {
      refused: 'KEY_NOT_ACCEPTED',
      message: 'the public key must be P-256, or RSA of 2048 to 4096 bits',
      claimed,
    };
  }
  return verifyProof(purpose, key, proof) ? { key } : { ...wrongSignature('new'), claimed };
}

function issue(
  settings: CertifierSettings,
  identity: EnrolledIdentity,
  publicKey: KeyObject,
): IssuedLeaf & { identity: EnrolledIdentity } {
  const lifetime = (settings.lifetimeOf ?? defaultLifetimeOf)(identity.kind);
  return { ...issueLeaf(settings.authority(), { identity, publicKey, lifetime, now: settings.now() }), identity };
}

/** So long the one who used a token may ask again, with the same key: the answer may have been lost. Milliseconds. */
const sameAgain = 10 * 60_000;

type Fault = Omit<IdentityRefusal, 'claimed'>;

const remedy = 'make a new one with `fairlead tokens create`';
const unknownToken: Fault = { refused: 'TOKEN_UNKNOWN', message: `this join token is not known here: ${remedy}` };
const usedToken: Fault = { refused: 'TOKEN_USED', message: `this join token was used already: ${remedy}` };

/** What is wrong with a token; whether its secret is right comes before everything that is told about it. */
function faultOfToken(
  token: JoinToken,
  found: TokenRecord | undefined,
  { site, now, key }: { readonly site: string; readonly now: number; readonly key: string },
): Fault | undefined {
  const fault = (refused: IdentityRefusalReason, what: string): Fault => ({
    refused,
    message: `this join token ${what}: ${remedy}`,
  });
  if (token.site !== site) return fault('TOKEN_OF_ANOTHER_SITE', `is of site "${token.site}", this is "${site}"`);
  if (found === undefined || !secretMatches(token.secret, found.hash)) return unknownToken;
  if (found.kind !== token.kind || found.name !== token.name) {
    return fault('TOKEN_FOR_ANOTHER_NAME', `was not made for ${token.kind}/${token.name}`);
  }
  if (found.used !== undefined) return found.usedFor === key && now - found.used < sameAgain ? undefined : usedToken;
  if (found.expires <= now) return fault('TOKEN_EXPIRED', `expired at ${new Date(found.expires).toISOString()}`);
  return undefined;
}

function wrongSignature(which: 'new' | 'old'): Fault {
  return { refused: 'SIGNATURE_WRONG', message: `the request is not signed by the ${which} key over this nonce` };
}
