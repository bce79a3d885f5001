import { formatRange, rangeContains, rangesOverlap } from '@fairlead/model';
import type { AddressRange } from '@fairlead/model';
import * as z from 'zod';
import type { NodeIpPoolResource, VipPoolResource } from '../types.ts';
import { address, choice, duration, name, range, selector, unique } from './fields.ts';

const DEFAULT_QUARANTINE_MS = 60_000;
const DAY_MS = 86_400_000;

const ranges = z.array(range).min(1);
const exclude = z.array(range).default([]);

const reservation = z.strictObject({ address, cluster: name, namespace: name, name });

/** Addresses for load balancers. */
export const vipPoolSpec = z
  .strictObject({
    network: name,
    ranges,
    exclude,
    autoAssign: z.boolean().default(true),
    priority: z.int().min(0).max(1_000_000).default(0),
    clusters: unique(name, String).default([]),
    namespaceSelector: selector.default({}),
    serviceSelector: selector.default({}),
    quarantine: duration(0, 30 * DAY_MS).default(DEFAULT_QUARANTINE_MS),
    sharing: choice(['namespace', 'cluster']).default('namespace'),
    reservations: unique(reservation, ({ address }) => address).default([]),
  })
  .superRefine((spec, context) => {
    refuseOverlaps(spec, context);
    for (const [index, { address, cluster }] of spec.reservations.entries()) {
      const where = { code: 'custom' as const, path: ['reservations', index] };
      if (!spec.ranges.some((range) => rangeContains(range, address))) {
        context.addIssue({
          ...where,
          message: `${address} is in none of this pool's ranges: it cannot be reserved here`,
        });
      } else if (spec.exclude.some((range) => rangeContains(range, address))) {
        context.addIssue({ ...where, message: `${address} is reserved and excluded at once: remove one of the two` });
      }
      if (spec.clusters.length > 0 && !spec.clusters.includes(cluster)) {
        const message = `${address} is reserved for cluster ${cluster}, which is not among the clusters of this pool: add it there`;
        context.addIssue({ ...where, message });
      }
    }
  })
  .transform(({ quarantine, ...spec }): VipPoolResource['spec'] => ({ ...spec, quarantineMs: quarantine }));

/** Addresses for the LB machines themselves. */
export const nodeIpPoolSpec = z
  .strictObject({ network: name, ranges, exclude })
  .superRefine(refuseOverlaps)
  .transform((spec): NodeIpPoolResource['spec'] => spec);

interface Ranges {
  readonly ranges: readonly AddressRange[];
  readonly exclude: readonly AddressRange[];
}

function refuseOverlaps(spec: Ranges, context: z.RefinementCtx<Ranges>): void {
  for (const [index, range] of spec.ranges.entries()) {
    const earlier = spec.ranges.slice(0, index).find((other) => rangesOverlap(other, range));
    if (earlier === undefined) continue;
    const message = `${formatRange(range)} overlaps ${formatRange(earlier)} of the same pool: leave the common part in one of them`;
    context.addIssue({ code: 'custom', message, path: ['ranges', index] });
  }
  for (const [index, range] of spec.exclude.entries()) {
    if (spec.ranges.some((other) => rangesOverlap(other, range))) continue;
    const message = `${formatRange(range)} is in none of this pool's ranges: there is nothing to exclude`;
    context.addIssue({ code: 'custom', message, path: ['exclude', index] });
  }
}
