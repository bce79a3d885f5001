import type { EnrolledIdentity, EnrolledKind, IssuedLeaf } from '@fairlead/certs';
import { formatIdentity } from '@fairlead/certs';
import type { Role } from '../authorise.ts';
import type { Store, Transaction } from '../store/store.ts';

/** What is stored of a join token: never the token itself. Times are milliseconds since 1970. */
export interface TokenRecord {
  readonly kind: EnrolledKind;
  readonly name: string;
  /** Of an operator. */
  readonly role?: Role;
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
  readonly expires: number;
  /** When it was used; absent: not yet. */
  readonly used?: number;
  /** SHA-256 of the public key that it was used for, hexadecimal. */
  readonly usedFor?: string;
}

/** A certificate that was issued. Times are milliseconds since 1970. */
export interface CertificateRecord {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** URI. */
  readonly identity: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What is known of an operator besides the certificate. */
export interface OperatorRecord {
  readonly role: Role;
}

const keys = { token: 'join-token/', certificate: 'certificate/', operator: 'operator/', root: 'root' } as const;

/** Used and expired tokens are kept so long that a late use is still told apart from a forgery. */
const remembered = 7 * 24 * 3_600_000;

/** The records of identities in the store. */
export interface IdentityRecords {
  addToken(id: string, record: TokenRecord, now: number): Promise<void>;
  findToken(id: string): Promise<(TokenRecord & { readonly revision: number }) | undefined>;
  /**
   * Marks the token used, for the key with this fingerprint, and records what it was used for, in one transaction that
   * holds only if nobody used it since it was found. False: somebody did.
   */
  redeem(id: string, found: TokenRecord & { readonly revision: number }, use: Use & { key: string }): Promise<boolean>;
  /** Records a certificate; forgets those of the same identity that are past their end. */
  recordRenewal(use: Use): Promise<void>;
  /** True when the identity ever got a certificate here. */
  isKnown(identity: EnrolledIdentity): Promise<boolean>;
  /** Every certificate that is not past its end, in order of identity. */
  certificates(now: number): Promise<readonly CertificateRecord[]>;
  operators(): Promise<ReadonlyMap<string, OperatorRecord>>;
  /** Which root everybody who enrolled here trusts: its SHA-256; undefined: nobody can have enrolled yet. */
  knownRoot(): Promise<string | undefined>;
  rememberRoot(fingerprint: string): Promise<void>;
}

/** A certificate that is about to be handed out, and when. */
export interface Use {
  readonly leaf: IssuedLeaf & { readonly identity: EnrolledIdentity };
  readonly now: number;
}

/** The records of identities, kept in `store`. */
export function identityRecords(store: Store): IdentityRecords {
  return {
    async addToken(id, record, now) {
      const old = await list(store, keys.token, tokenOf);
      const forgotten = old.filter(({ value }) => value.expires + remembered < now).map(({ key }) => key);
      await mustCommit(store, {
        compare: { [keys.token + id]: 0 },
        put: { [keys.token + id]: JSON.stringify(record) },
        remove: forgotten,
      });
    },
    async findToken(id) {
      const entry = await store.get(keys.token + id);
      return entry === undefined ? undefined : { ...tokenOf(entry.value), revision: entry.revision };
    },
    async redeem(id, { revision, ...record }, use) {
      const issued = await issue(store, use);
      const operator =
        record.role === undefined ? {} : { [keys.operator + record.name]: JSON.stringify({ role: record.role }) };
      const result = await store.commit({
        compare: { [keys.token + id]: revision },
        put: {
          ...issued.put,
          ...operator,
          [keys.token + id]: JSON.stringify({ ...record, used: record.used ?? use.now, usedFor: use.key }),
        },
        remove: issued.remove,
      });
      return result.ok;
    },
    async recordRenewal(use) {
      await mustCommit(store, await issue(store, use));
    },
    async isKnown(identity) {
      return (await store.list(prefixOf(identity))).length > 0;
    },
    async certificates(now) {
      const all = await list(store, keys.certificate, certificateOf);
      return all.map(({ value }) => value).filter(({ notAfter }) => notAfter > now);
    },
    async operators() {
      const all = await list(store, keys.operator, (text) => JSON.parse(text) as OperatorRecord);
      return new Map(all.map(({ key, value }) => [key.slice(keys.operator.length), value]));
    },
    async knownRoot() {
      const entry = await store.get(keys.root);
      return entry && (JSON.parse(entry.value) as string);
    },
    async rememberRoot(fingerprint) {
      const value = JSON.stringify(fingerprint);
      if ((await store.get(keys.root))?.value !== value) await mustCommit(store, { put: { [keys.root]: value } });
    },
  };
}

async function issue(store: Store, { leaf, now }: Use): Promise<{ put: Record<string, string>; remove: string[] }> {
  const { identity, serial, notBefore, notAfter } = leaf;
  const record: CertificateRecord = { serial, identity: formatIdentity(identity), notBefore, notAfter };
  const prefix = prefixOf(identity);
  const old = await list(store, prefix, certificateOf);
  return {
    put: { [prefix + serial]: JSON.stringify(record) },
    remove: old.filter(({ value }) => value.notAfter <= now).map(({ key }) => key),
  };
}

function prefixOf({ kind, name }: EnrolledIdentity): string {
  return `${keys.certificate}${kind}/${name}/`;
}

const tokenOf = (text: string): TokenRecord => JSON.parse(text) as TokenRecord;
const certificateOf = (text: string): CertificateRecord => JSON.parse(text) as CertificateRecord;

async function list<Value>(
  store: Store,
  prefix: string,
  read: (text: string) => Value,
): Promise<{ key: string; value: Value }[]> {
  const entries = await store.list(prefix);
  return entries.map(({ key, value }) => ({ key, value: read(value) }));
}

async function mustCommit(store: Store, transaction: Transaction): Promise<void> {
  const result = await store.commit(transaction);
  if (!result.ok) throw new Error(`the store was changed by somebody else at ${result.conflict}: try again`);
}
