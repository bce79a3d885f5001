/** The same record with its keys in order: what is equal becomes equal bytes. */
export function inKeyOrder<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
