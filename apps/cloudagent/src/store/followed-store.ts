import { type Store, StoreFailure } from './store.ts';

export interface StoreListener {
  /** After each commit, with the time it took. */
  readonly onCommitted: (milliseconds: number) => void;
  /** Why nothing can be stored, one sentence, whenever that is another; undefined when it can be again. */
  readonly onProblem: (problem: string | undefined) => void;
}

/** How often a store that could not be written is tried when nobody else does; milliseconds. */
const TRY_AGAIN_MS = 3_000;

/** The store, and a listener who knows how it is. Once it could not be written it is tried until it can. */
export function followStore(store: Store, { onCommitted, onProblem }: StoreListener): Store {
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tell = (problem: string | undefined): void => {
    clearTimeout(timer);
    if (problem !== undefined) timer = setTimeout(() => void tryAgain(), TRY_AGAIN_MS).unref();
    if (problem !== told) onProblem(problem);
    told = problem;
  };
  const commit: Store['commit'] = async (transaction) => {
    const started = performance.now();
    try {
      const outcome = await store.commit(transaction);
      onCommitted(performance.now() - started);
      tell(undefined);
      return outcome;
    } catch (error) {
      if (error instanceof StoreFailure) tell(error.message);
      throw error;
    }
  };
  const tryAgain = async (): Promise<void> => {
    await commit({}).catch(() => undefined);
  };
  return {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    commit,
    close() {
      clearTimeout(timer);
      return store.close();
    },
  };
}
