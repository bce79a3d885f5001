import type { Holding, Rest } from '@fairlead/ipam';
import type { Node } from '@fairlead/model';
import type { Trace } from '@fairlead/telemetry';
import { holdingsIn, KEYS, type ResourceCodec, transactionOf } from './records.ts';
import { resourceKey } from './site.ts';
import { type Entry, type Store, StoreRefused } from '../store/store.ts';
import type { Changes, Counters, Decision, HeldLoadBalancer, Session, SetRecord, Truth } from './truth.ts';
import { MutableTruth } from './mutable-truth.ts';

/** What was committed, told after memory agrees with the store. */
export interface Committed {
  readonly changes: Changes;
  /** The story that caused it. */
  readonly trace: Trace | undefined;
}

export interface TruthOptions {
  readonly store: Store;
  readonly codec: ResourceCodec;
  /** Called between a commit and its effect on memory; a test ends the process there. */
  readonly afterCommit?: () => void;
}

/** Another process wrote to our store: this one must not go on. */
export class TruthConflict extends Error {
  override name = 'TruthConflict';
}

/**
 * Owns the truth: loads all of it, existing holders first, then lets one decision at a time look at it and change it:
 * pure decision, durable commit, memory, listeners. A decision that fails, or whose commit fails, changes nothing.
 */
export class TruthKeeper {
  readonly #options: TruthOptions;
  readonly #truth: MutableTruth;
  readonly #listeners = new Set<(committed: Committed) => void>();
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: TruthOptions, truth: MutableTruth) {
    this.#options = options;
    this.#truth = truth;
  }

  /** Reads everything there is before anything can be decided. */
  static async load(options: TruthOptions): Promise<TruthKeeper> {
    return new TruthKeeper(options, await readTruth(options));
  }

  get truth(): Truth {
    return this.#truth;
  }

  /** Decides on the truth as it is when every earlier change is done. Rejects with what the decision or the store threw. */
  change<Answer>(decide: (truth: Truth) => Decision<Answer>, trace?: Trace): Promise<Answer> {
    const turn = this.#tail.then(() => this.#change(decide, trace));
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** Calls `listener` after each commit, in order; it must not throw. Returns how to stop it. */
  subscribe(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #change<Answer>(decide: (truth: Truth) => Decision<Answer>, trace: Trace | undefined): Promise<Answer> {
    const { answer, changes } = decide(this.#truth);
    if (changes === undefined) return answer;
    await this.#commit(changes);
    this.#options.afterCommit?.();
    this.#truth.take(changes);
    for (const listener of this.#listeners) listener({ changes, trace });
    return answer;
  }

  async #commit(changes: Changes): Promise<void> {
    const { store, codec } = this.#options;
    const outcome = await store.commit(transactionOf(changes, this.#truth, codec));
    if (outcome.ok) return;
    const what = `the store disagrees with what this cloudagent knows (${outcome.conflict})`;
    throw new TruthConflict(`${what}: restart it`);
  }
}

async function readTruth({ store, codec }: TruthOptions): Promise<MutableTruth> {
  // Only this file's writer makes these texts, in the schema that the store was brought to.
  const mapOf = async <Type>(prefix: string): Promise<Map<string, Type>> =>
    new Map(
      (await store.list(prefix)).map((entry) => [
        entry.key.slice(prefix.length),
        readRecord(entry, (text) => JSON.parse(text) as Type),
      ]),
    );
  const counters = await store.get(KEYS.counters);
  const truth = new MutableTruth(
    [...(await mapOf<Holding | readonly Holding[]>(KEYS.address)).values()].flatMap(holdingsIn),
    [...(await mapOf<Rest>(KEYS.rest)).values()],
  );
  const resources = (await store.list(KEYS.resource)).map((entry) => readRecord(entry, (text) => codec.fromText(text)));
  truth.take({
    counters: counters === undefined ? {} : readRecord(counters, (text) => JSON.parse(text) as Counters),
    resources: new Map(resources.map((resource) => [resourceKey(resource), resource])),
    loadBalancers: await mapOf<HeldLoadBalancer>(KEYS.loadBalancer),
    sessions: await mapOf<Session>(KEYS.session),
    sets: await mapOf<SetRecord>(KEYS.set),
  });
  for (const [key, node] of await mapOf<Node>(KEYS.node)) {
    const cluster = key.slice(0, key.indexOf('/'));
    truth.take({ nodes: new Map([[cluster, new Map([[node.name, node]])]]) });
  }
  return truth;
}

function readRecord<Type>({ key, value }: Entry, read: (text: string) => Type): Type {
  try {
    return read(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreRefused(
      `the store's record ${key} cannot be read (${reason}): start the version that wrote it, or put a backup of the state directory in its place`,
    );
  }
}
