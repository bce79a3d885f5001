import { formatIdentity, identityOfCertificate, parseIdentity, type Identity } from '@fairlead/certs';
import type { PeerCertificate } from 'node:tls';

/** Who makes a call: somebody with a certificate, the local superuser on the admin socket, or anybody. */
export type Caller = Identity | { readonly kind: 'admin-socket' } | { readonly kind: 'anonymous' };

/** How a server knows its callers: each by certificate, all as the local superuser (unix socket), or not at all. */
export type CallerRule = 'certificate' | 'admin-socket' | 'anonymous';

/** One word for a log or an audit line: the URI of an identity, or the kind. */
export function formatCaller(caller: Caller): string {
  return caller.kind === 'admin-socket' || caller.kind === 'anonymous' ? caller.kind : formatIdentity(caller);
}

/** The caller of a text that {@link formatCaller} wrote. */
export function parseCaller(text: string): Caller | undefined {
  return text === 'admin-socket' || text === 'anonymous' ? { kind: text } : parseIdentity(text);
}

/** Who shows this certificate, or why it is nobody (one sentence). TLS has checked its chain, but at an earlier time. */
export function callerOfCertificate(certificate: PeerCertificate | undefined, now: number): Caller | string {
  if (certificate === undefined) return 'show a certificate of this site';
  const expires = Date.parse(certificate.valid_to);
  if (!(expires > now)) return `the certificate expired at ${certificate.valid_to}: renew it`;
  return knownIdentity(certificate.raw) ?? 'the certificate names nobody of this site';
}

/** More callers than a server has at one time. */
const MOST_KNOWN = 256;
const known = new Map<string, Identity | undefined>();

/** A caller shows the same certificate with every call, and reading it costs more than most calls do. */
function knownIdentity(der: Buffer): Identity | undefined {
  const key = der.toString('latin1');
  if (known.has(key)) return known.get(key);
  const identity = identityOfCertificate(der);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, identity);
  return identity;
}
