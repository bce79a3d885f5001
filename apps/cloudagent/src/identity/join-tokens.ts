import { encodeJoinToken, hashSecret, isName, newTokenSecret, type EnrolledKind } from '@fairlead/certs';
import type { Logger } from '@fairlead/telemetry';
import type { Role } from '../authorise.ts';
import type { IdentityRecords } from './records.ts';

/** For whom a join token is wanted. */
export interface JoinTokenWish {
  readonly kind: EnrolledKind;
  /** Machine, cluster or operator name: a DNS label. */
  readonly name: string;
  /** For operators, and only for them. */
  readonly role?: Role;
  /** Milliseconds; 24 hours when absent. */
  readonly lifetime?: number;
  /** Who wants it, for the audit line. */
  readonly by: string;
}

/** A join token: a secret, shown once. */
export interface MadeJoinToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** What join tokens are made from. */
export interface JoinTokenSettings {
  readonly site: string;
  readonly records: IdentityRecords;
  /** DER of the root to trust. */
  readonly rootCertificate: () => Uint8Array;
  /** HOST:PORT of the join and the control port, as others reach them. */
  readonly addresses: () => { readonly join: string; readonly control: string };
  readonly log: Logger;
  readonly now: () => number;
}

const defaultLifetime = 24 * 3_600_000;

/** Makes a join token and stores its hash. Throws a RangeError for a name that is not a DNS label. */
export async function makeJoinToken(settings: JoinTokenSettings, wish: JoinTokenWish): Promise<MadeJoinToken> {
  const { site, records, log, now } = settings;
  const { kind, name, role, by } = wish;
  if (!isName(name)) throw new RangeError(`"${name}" must be 1-63 of a-z, 0-9 and "-", no "-" at the ends`);
  const { id, secret } = newTokenSecret();
  const expires = now() + (wish.lifetime ?? defaultLifetime);
  await records.addToken(
    id,
    { kind, name, ...(role === undefined ? {} : { role }), hash: hashSecret(secret), expires },
    now(),
  );
  log.info(
    { audit: 'join-token-created', id, kind, name, role, by, expires: new Date(expires).toISOString() },
    'join token created',
  );
  const rootCertificate = settings.rootCertificate();
  return {
    token: encodeJoinToken({ site, kind, name, id, secret, ...settings.addresses(), rootCertificate }),
    expires,
  };
}
