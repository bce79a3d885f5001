import { createHash, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto';
import { isEnrolledKind, isName, type EnrolledKind } from './identity.ts';

/** A one-time invitation: who may come, where to, and whom to trust there. A secret until it is used. */
export interface JoinToken {
  readonly site: string;
  readonly kind: EnrolledKind;
  /** Machine, cluster or operator name. */
  readonly name: string;
  /** Public part: names the token in logs and in the store. */
  readonly id: string;
  readonly secret: string;
  /** HOST:PORT of the join port. */
  readonly join: string;
  /** HOST:PORT of the control port. */
  readonly control: string;
  /** DER of the site's root: the first contact is verified like any other. */
  readonly rootCertificate: Uint8Array;
}

const prefix = 'fairlead1.';

/** A new id (16 hexadecimal digits) and secret (256 random bits). */
export function newTokenSecret(): { id: string; secret: string } {
  return { id: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

/** The token as text: one word that can be pasted. */
export function encodeJoinToken(token: JoinToken): string {
  const { site, kind, name, id, secret, join, control } = token;
  const rootCertificate = Buffer.from(token.rootCertificate).toString('base64');
  const json = JSON.stringify({ site, kind, name, id, secret, join, control, rootCertificate });
  return prefix + Buffer.from(json).toString('base64url');
}

/** The token of a text (white space around it is allowed), or one sentence on what is wrong with it. */
export function decodeJoinToken(text: string): { readonly token: JoinToken } | { readonly refused: string } {
  const trimmed = text.trim();
  if (!trimmed.startsWith(prefix)) {
    return {
      refused: `this is not a join token: one begins with "${prefix}"; make one with \`fairlead tokens create\``,
    };
  }
  const cutOff = {
    refused: 'the join token is damaged: copy it again, whole, or make a new one with `fairlead tokens create`',
  };
  if (trimmed.length > 8192) return cutOff;
  try {
    const read: unknown = JSON.parse(Buffer.from(trimmed.slice(prefix.length), 'base64url').toString());
    const token = tokenOf(read);
    return token === undefined ? cutOff : { token };
  } catch {
    return cutOff;
  }
}

/** What is stored of a secret: its SHA-256, hexadecimal. It has 256 random bits, so nothing slower is needed. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** True when the secret has this hash; takes the same time wherever they differ. */
export function secretMatches(secret: string, hash: string): boolean {
  const [given, stored] = [Buffer.from(hashSecret(secret)), Buffer.from(hash)];
  return given.length === stored.length && timingSafeEqual(given, stored);
}

function tokenOf(read: unknown): JoinToken | undefined {
  if (typeof read !== 'object' || read === null) return undefined;
  const fields = Object.fromEntries(Object.entries(read).filter(([, value]) => typeof value === 'string')) as Record<
    string,
    string | undefined
  >;
  const {
    site = '',
    kind = '',
    name = '',
    id = '',
    secret = '',
    join = '',
    control = '',
    rootCertificate = '',
  } = fields;
  if (!isName(site) || !isEnrolledKind(kind) || !isName(name)) return undefined;
  if (!/^[0-9a-f]{16}$/.test(id) || !/^[\w-]{43}$/.test(secret) || !isHostPort(join) || !isHostPort(control)) {
    return undefined;
  }
  const der = Buffer.from(rootCertificate, 'base64');
  if (!new X509Certificate(der).ca) return undefined;
  return { site, kind, name, id, secret, join, control, rootCertificate: der };
}

/** HOST:PORT; a v6 address is in brackets. */
function isHostPort(text: string): boolean {
  const port = Number(/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text)?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
}
