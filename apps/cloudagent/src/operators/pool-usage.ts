import { poolStatistics, type PoolStatistics } from '@fairlead/ipam';
import { poolsOf } from '../decisions/grant.ts';
import type { Truth } from '../truth/truth.ts';

export interface PoolUsage extends PoolStatistics {
  readonly name: string;
}

/** How full each VipPool is, in order of name. PURE. */
export function poolUsage(truth: Truth, now: number): readonly PoolUsage[] {
  return poolsOf(truth.site).map((pool) => ({
    name: pool.name,
    ...poolStatistics({ pool, occupied: truth.occupied, now }, truth.book),
  }));
}
