import { formatIdentity, parseIdentity, usagesOf, type EnrolledIdentity, type Usage } from './identity.ts';

/** What one certificate says of itself. Times are milliseconds since 1970. */
export interface CertificateFacts {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly ca: boolean;
  readonly pathLength?: number;
  /** URIs of the subjectAltName. */
  readonly uris: readonly string[];
  /** Names in it that are no URIs. */
  readonly otherNames: number;
  readonly signsCertificates: boolean;
  readonly signsHandshakes: boolean;
  readonly usages: readonly Usage[];
  /** Critical extensions nobody here understands. */
  readonly unknownCritical: readonly string[];
}

/** A chain as it was sent, leaf first, without the root. */
export interface ChainFacts {
  readonly certificates: readonly CertificateFacts[];
  /** For each: whether the next one's key, for the last one a trusted root's key, really signed it. */
  readonly genuine: readonly boolean[];
}

/** What a renewal is judged by. */
export interface RenewalRule {
  readonly site: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long after its end a certificate may still be renewed, milliseconds; 0: not at all. */
  readonly grace: number;
  /** Serials, lower-case hexadecimal, that were revoked. */
  readonly revokedSerials: ReadonlySet<string>;
  /** Identities (URIs) that were revoked. */
  readonly revokedIdentities: ReadonlySet<string>;
  /** Whether we know of this identity otherwise; only asked when the certificate is past its end. */
  readonly isKnown: (identity: EnrolledIdentity) => boolean;
}

/** The verdict on a renewal; a refusal has a reason for programs and a sentence for people. */
export type RenewalVerdict =
  | { readonly accepted: EnrolledIdentity; readonly expiredFor: number }
  | { readonly refused: RenewalRefusal; readonly message: string };

export type RenewalRefusal =
  | 'CHAIN_INCOMPLETE'
  | 'CHAIN_NOT_GENUINE'
  | 'CHAIN_NOT_ALLOWED'
  | 'NOT_YET_VALID'
  | 'IDENTITY_INVALID'
  | 'USAGE_WRONG'
  | 'REVOKED'
  | 'EXPIRED'
  | 'UNKNOWN_IDENTITY';

/** Default of {@link RenewalRule.grace}: 90 days. */
export const defaultGrace = 90 * 24 * 3_600_000;

const clockTolerance = 60_000;

/**
 * Whether the holder of this chain may have its next certificate. Signatures come first, so that nothing that
 * follows is decided on forged words; expiry comes last and is the only thing that grace forgives.
 */
export function judgeRenewal(chain: ChainFacts, rule: RenewalRule): RenewalVerdict {
  const [leaf, ...authorities] = chain.certificates;
  if (leaf === undefined || authorities.length === 0 || chain.genuine.length !== chain.certificates.length) {
    return refuse('CHAIN_INCOMPLETE', 'the request must carry the certificate and the issuing CA that signed it');
  }
  if (!chain.genuine.every(Boolean)) {
    return refuse(
      'CHAIN_NOT_GENUINE',
      'the certificate was not signed by this site: enrol with a join token of this site',
    );
  }
  const fault = faultOfShape(leaf, authorities);
  if (fault !== undefined) return refuse('CHAIN_NOT_ALLOWED', fault);
  if (chain.certificates.some((one) => one.notBefore > rule.now + clockTolerance)) {
    return refuse('NOT_YET_VALID', 'the certificate is not valid yet: check the clocks of both machines');
  }
  return judgeLeaf(leaf, authorities, rule);
}

function judgeLeaf(
  leaf: CertificateFacts,
  authorities: readonly CertificateFacts[],
  rule: RenewalRule,
): RenewalVerdict {
  const [uri] = leaf.uris;
  const identity = uri === undefined ? undefined : parseIdentity(uri);
  if (leaf.uris.length !== 1 || leaf.otherNames > 0 || identity === undefined || identity.site !== rule.site) {
    return refuse('IDENTITY_INVALID', `the certificate must name exactly one identity of site "${rule.site}"`);
  }
  if (identity.kind === 'cloudagent') {
    return refuse('IDENTITY_INVALID', 'the cloudagent signs its own certificate and never asks for it');
  }
  const allowed = usagesOf(identity.kind);
  if (leaf.usages.length !== allowed.length || !allowed.every((usage) => leaf.usages.includes(usage))) {
    return refuse(
      'USAGE_WRONG',
      `the certificate is not one for the use of "${identity.kind}": enrol with a join token`,
    );
  }
  if (
    rule.revokedIdentities.has(formatIdentity(identity)) ||
    [leaf, ...authorities].some((one) => rule.revokedSerials.has(one.serial))
  ) {
    return refuse('REVOKED', 'the certificate was revoked: an administrator must make a new join token');
  }
  const end = Math.min(leaf.notAfter, ...authorities.map((one) => one.notAfter));
  const expiredFor = Math.max(0, rule.now - end);
  if (expiredFor > rule.grace || (expiredFor > 0 && rule.grace === 0)) {
    return refuse('EXPIRED', 'the certificate is past its end and the grace after it: enrol with a new join token');
  }
  if (expiredFor > 0 && !rule.isKnown(identity)) {
    return refuse('UNKNOWN_IDENTITY', `"${formatIdentity(identity)}" is not known here: enrol with a new join token`);
  }
  return { accepted: identity, expiredFor };
}

/** What a chain may look like, whoever signed it (RFC 5280, 6.1.4: CA flag, key usage, path length). */
function faultOfShape(leaf: CertificateFacts, authorities: readonly CertificateFacts[]): string | undefined {
  if (leaf.ca || leaf.signsCertificates || !leaf.signsHandshakes) return 'the first certificate must be a leaf';
  if ([leaf, ...authorities].some((one) => one.unknownCritical.length > 0)) {
    return 'the chain has a critical extension that is not understood';
  }
  for (const [below, authority] of authorities.entries()) {
    if (!authority.ca || !authority.signsCertificates) return 'a certificate in the chain may not sign others';
    // Every CA of ours has a limit; below: how many CAs stand between it and the leaf.
    if (authority.pathLength === undefined || authority.pathLength < below) return 'the chain is longer than allowed';
  }
  return undefined;
}

function refuse(refused: RenewalRefusal, message: string): RenewalVerdict {
  return { refused, message };
}
