import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../store/store.ts';

/** The store as it would be across a network: what is read is `milliseconds` old when it arrives. */
export function slowStore(store: Store, milliseconds: number): Store {
  const late = async <Value>(value: Promise<Value>): Promise<Value> => {
    await sleep(milliseconds);
    return await value;
  };
  return {
    get: async (key) => await late(store.get(key)),
    list: async (prefix) => await late(store.list(prefix)),
    commit: async (transaction) => await store.commit(transaction),
    close: async () => await store.close(),
  };
}
