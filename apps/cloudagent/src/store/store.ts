/** Why the store cannot be opened, and what to do: one sentence for the person who starts the cloudagent. */
export class StoreRefused extends Error {
  override name = 'StoreRefused';
}

/** The store cannot be written now, and nothing was changed; once its cause is mended the same may be tried again. */
export class StoreFailure extends Error {
  override name = 'StoreFailure';
}

/**
 * A small ordered key-value space with revisions; the only durable thing a cloudagent has besides its identity.
 * Keys are `/`-separated text, values are JSON text. Nothing above this interface knows what is behind it.
 */
export interface Store {
  /** The record, or undefined. */
  get(key: string): Promise<Entry | undefined>;
  /** Every record whose key starts with `prefix`, in order of key. */
  list(prefix: string): Promise<readonly Entry[]>;
  /**
   * All of it or nothing, durable when the promise is fulfilled.
   * `conflict` when a compare does not hold; then nothing was changed. Rejects with StoreFailure when the disk is full,
   * read-only or broken.
   */
  commit(transaction: Transaction): Promise<{ ok: true; revision: number } | { ok: false; conflict: string }>;
  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the transaction that last wrote it; grows by one with each transaction. */
  readonly revision: number;
}

export interface Transaction {
  /** Key to the revision it must have; 0: must not exist. */
  readonly compare?: Readonly<Record<string, number>>;
  readonly put?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}
