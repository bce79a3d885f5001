/**
 * Who somebody is: the one URI in the subjectAltName of a certificate of ours.
 * `fairlead://SITE/cloudagent`, `fairlead://SITE/controller/CLUSTER`, `fairlead://SITE/lbagent/MACHINE`,
 * `fairlead://SITE/operator/NAME`.
 */
export type Identity = CloudagentIdentity | EnrolledIdentity;

export interface CloudagentIdentity {
  readonly kind: 'cloudagent';
  readonly site: string;
}

/** An identity that is handed out for a join token. */
export interface EnrolledIdentity {
  readonly kind: EnrolledKind;
  readonly site: string;
  /** Machine, cluster or operator name. */
  readonly name: string;
}

export type EnrolledKind = 'controller' | 'lbagent' | 'operator';

/** The kinds a join token can be made for. */
export const enrolledKinds: readonly EnrolledKind[] = ['controller', 'lbagent', 'operator'];

/** What a certificate may be used for in a TLS handshake. */
export type Usage = 'clientAuth' | 'serverAuth';

/** True for a DNS label (RFC 1123): 1-63 of a-z, 0-9 and "-", no "-" at either end. The rule for every name in an identity. */
export function isName(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) && !text.includes('\n');
}

/** True for a kind that a join token can be made for. */
export function isEnrolledKind(text: string): text is EnrolledKind {
  return enrolledKinds.some((kind) => kind === text);
}

/** The URI of an identity. Throws a RangeError for a name that breaks {@link isName}. */
export function formatIdentity(identity: Identity): string {
  const names = identity.kind === 'cloudagent' ? [identity.site] : [identity.site, identity.name];
  for (const name of names) {
    if (!isName(name))
      throw new RangeError(`"${name}" cannot be part of an identity: use 1-63 of a-z, 0-9 and "-", no "-" at the ends`);
  }
  return identity.kind === 'cloudagent'
    ? `fairlead://${identity.site}/cloudagent`
    : `fairlead://${identity.site}/${identity.kind}/${identity.name}`;
}

/** The identity of a URI, or undefined for anything that {@link formatIdentity} would not have written. */
export function parseIdentity(uri: string): Identity | undefined {
  const parts = uri.split('/');
  const [scheme, nothing, site, kind, name] = parts;
  if (scheme !== 'fairlead:' || nothing !== '' || site === undefined || !isName(site) || kind === undefined) {
    return undefined;
  }
  if (kind === 'cloudagent') return parts.length === 4 ? { kind, site } : undefined;
  if (parts.length !== 5 || name === undefined || !isName(name) || !isEnrolledKind(kind)) return undefined;
  return { kind, site, name };
}

/** The URI of a site's root certificate. */
export function rootUri(site: string): string {
  return `fairlead://${site}`;
}

/** True when both are the same identity. */
export function sameIdentity(one: Identity, other: Identity): boolean {
  return formatIdentity(one) === formatIdentity(other);
}

/** What the issuer puts into a certificate of this kind; nothing of it is taken from a request. */
export function usagesOf(kind: Identity['kind']): readonly Usage[] {
  return usages[kind];
}

/** How long a certificate of this kind lives unless the operator says otherwise, in milliseconds. */
export function defaultLifetimeOf(kind: Identity['kind']): number {
  return lifetimes[kind];
}

const usages = {
  cloudagent: ['serverAuth', 'clientAuth'],
  controller: ['clientAuth'],
  lbagent: ['serverAuth', 'clientAuth'],
  operator: ['clientAuth'],
} as const satisfies Record<Identity['kind'], readonly Usage[]>;

const hour = 3_600_000;

const lifetimes = {
  cloudagent: 24 * hour,
  controller: 24 * hour,
  lbagent: 30 * 24 * hour,
  operator: 12 * hour,
} as const satisfies Record<Identity['kind'], number>;
