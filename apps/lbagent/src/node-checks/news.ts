/**
 * Whether a check that is asked has another result than was known. A new one was assumed to pass; one that is not asked
 * any more has no result. By `nodeCheckKey`. PURE.
 */
export function isNews(known: ReadonlyMap<string, boolean>, passing: ReadonlyMap<string, boolean>): boolean {
  return [...passing].some(([key, passes]) => passes !== (known.get(key) ?? true));
}
