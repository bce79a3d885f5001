import { familyOf } from '@fairlead/model';
import { SETS, TABLE } from './ruleset.ts';
import type { CaughtChange, CaughtPort } from './types.ts';

/** PURE. `10.0.0.1 . 80`, as nft writes it: equal ports have equal keys. */
export function caughtKey(caught: CaughtPort): string {
  return `${caught.address} . ${caught.port}`;
}

/** PURE. What to do so that exactly `desired` is caught. Empty when nothing is to be done. */
export function diffCaught(desired: readonly CaughtPort[], observed: readonly CaughtPort[]): CaughtChange {
  const have = new Map(observed.map((caught) => [caughtKey(caught), caught]));
  const want = new Map(desired.map((caught) => [caughtKey(caught), caught]));
  return {
    add: [...want].filter(([key]) => !have.has(key)).map(([, caught]) => caught),
    remove: [...have].filter(([key]) => !want.has(key)).map(([, caught]) => caught),
  };
}

/**
 * PURE. One line for `nft -i`: one transaction. Undefined when there is nothing to do.
 * nft before 1.0.7 cannot delete what may not be there, so what goes is added first.
 */
export function renderChange(change: CaughtChange): string | undefined {
  const statements: string[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const ofFamily = (caught: CaughtPort): boolean => familyOf(caught.address) === family;
    const remove = change.remove.filter(ofFamily).map(caughtKey);
    const add = [...change.add.filter(ofFamily).map(caughtKey), ...remove];
    const set = `inet ${TABLE} ${SETS[family]}`;
    if (add.length > 0) statements.push(`add element ${set} { ${add.join(', ')} }`);
    if (remove.length > 0) statements.push(`delete element ${set} { ${remove.join(', ')} }`);
  }
  return statements.length === 0 ? undefined : statements.join('; ');
}
