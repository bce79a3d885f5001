import { X509Certificate, type KeyObject } from 'node:crypto';
import { attribute, signCertificate, type Signer } from './certificate.ts';
import { formatIdentity, isName, rootUri, usagesOf, type Identity } from './identity.ts';
import { makeKeyPair } from './keys.ts';
import { backdating } from './renewal.ts';

/** A certificate authority's certificate with its key. */
export interface CertifiedKey extends Required<Signer> {}

/** Everything a site's authority consists of. */
export interface AuthorityState {
  readonly site: string;
  /** Self-signed, 10 years, path length 1. */
  readonly root: CertifiedKey;
  /** Signed by the root, 1 year, path length 0; signs the leaves. */
  readonly issuing: CertifiedKey;
}

/** A certificate that is to be issued. */
export interface LeafRequest {
  readonly identity: Identity;
  readonly publicKey: KeyObject;
  /** Milliseconds. */
  readonly lifetime: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A certificate that was issued. */
export interface IssuedLeaf {
  readonly identity: Identity;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Leaf first, then the issuing CA; DER. */
  readonly chain: readonly Buffer[];
}

const year = 365 * 24 * 3_600_000;

/** Makes a new root and its first issuing CA. Throws for a site name that is not a DNS label. */
export async function createAuthority(site: string, now: number): Promise<AuthorityState> {
  if (!isName(site)) throw new RangeError(`site name "${site}" must be 1-63 of a-z, 0-9 and "-", no "-" at the ends`);
  const keys = await makeKeyPair();
  const certificate = signCertificate(
    {
      publicKey: keys.publicKey,
      subject: subjectOf(site, 'root CA'),
      uri: rootUri(site),
      notBefore: now - backdating,
      notAfter: now + 10 * year,
      role: { ca: true, pathLength: 1 },
    },
    keys,
  );
  const root = { ...keys, certificate };
  return { site, root, issuing: await makeIssuing(site, root, now) };
}

/**
 * The authority as it should be now: with a new issuing CA from half of the old one's life on, and when the old one was
 * made by a clock that was ahead. What the old one signed stays valid, because leaves are sent with their chain and only
 * the root is trusted. Throws when the clock is outside the root's life.
 */
export async function withFreshIssuing(state: AuthorityState, now: number): Promise<AuthorityState> {
  const root = new X509Certificate(state.root.certificate);
  if (now < root.validFromDate.getTime() || now >= root.validToDate.getTime()) {
    const life = [root.validFromDate, root.validToDate].map((date) => date.toISOString().slice(0, 10)).join(' to ');
    throw new Error(
      `the clock says ${new Date(now).toISOString()}, and the authority of site "${state.site}" is good from ${life}: set the clock (see timedatectl)`,
    );
  }
  const { validFromDate, validToDate } = new X509Certificate(state.issuing.certificate);
  const isAhead = now < validFromDate.getTime();
  if (!isAhead && now < (validFromDate.getTime() + validToDate.getTime()) / 2) return state;
  return { ...state, issuing: await makeIssuing(state.site, state.root, now) };
}

/**
 * Issues a leaf: the identity's URI is its only name, usages are those of its kind, never a CA. It ends with the
 * issuing CA at the latest. Throws when the issuing CA is at its end.
 */
export function issueLeaf(state: AuthorityState, request: LeafRequest): IssuedLeaf {
  if (request.identity.site !== state.site) {
    throw new RangeError(`this authority is of site "${state.site}", not of "${request.identity.site}"`);
  }
  const end = new X509Certificate(state.issuing.certificate).validToDate.getTime();
  if (end <= request.now) throw new Error('the issuing CA has expired: restart the cloudagent to make the next one');
  const leaf = signCertificate(
    {
      publicKey: request.publicKey,
      subject: [],
      uri: formatIdentity(request.identity),
      notBefore: request.now - backdating,
      notAfter: Math.min(request.now + request.lifetime, end),
      role: { ca: false, usages: usagesOf(request.identity.kind) },
    },
    state.issuing,
  );
  const read = new X509Certificate(leaf);
  return {
    identity: request.identity,
    serial: read.serialNumber.toLowerCase(),
    notBefore: read.validFromDate.getTime(),
    notAfter: read.validToDate.getTime(),
    chain: [leaf, Buffer.from(state.issuing.certificate)],
  };
}

async function makeIssuing(site: string, root: CertifiedKey, now: number): Promise<CertifiedKey> {
  const keys = await makeKeyPair();
  const certificate = signCertificate(
    {
      publicKey: keys.publicKey,
      subject: subjectOf(site, `issuing CA ${new Date(now).toISOString().slice(0, 10)}`),
      notBefore: now - backdating,
      notAfter: Math.min(now + year, new X509Certificate(root.certificate).validToDate.getTime()),
      role: { ca: true, pathLength: 0 },
    },
    root,
  );
  return { ...keys, certificate };
}

function subjectOf(site: string, name: string): { oid: string; text: string }[] {
  return [
    { oid: attribute.organisation, text: 'Fairlead' },
    { oid: attribute.organisationalUnit, text: site },
    { oid: attribute.commonName, text: name },
  ];
}
