import { hash32 } from '@fairlead/haproxy';
import type { Forward, NamedDestination } from './types.ts';

/**
 * Flows are spread over so many buckets, and these over the backends: with more backends than `FEW` over many, since of 256
 * buckets the sixtieth backend may well get none. Each count is a map of its own kind.
 */
export const BUCKETS = { few: 256, many: 4096 } as const;
export const FEW = 32;

export type BucketKind = keyof typeof BUCKETS;

export function bucketKind({ backends }: Pick<Forward, 'backends'>): BucketKind {
  return backends.length > FEW ? 'many' : 'few';
}

/**
 * PURE. The backend of each bucket, by rendezvous hash over (load balancer, name): the same on every machine, and a
 * backend more or less moves only its own share.
 */
export function fillBuckets(forward: Forward): readonly NamedDestination[] {
  const { loadBalancerId, backends } = forward;
  const inOrder = [...backends].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.port - b.port));
  const weights = inOrder.map(({ name }) => hash32(`${loadBalancerId}\n${name}`));
  return Array.from({ length: BUCKETS[bucketKind(forward)] }, (_, bucket) => {
    let best = 0;
    let highest = -1;
    weights.forEach((weight, index) => {
      const score = mix(weight, bucket);
      if (score <= highest) return;
      highest = score;
      best = index;
    });
    return inOrder[best]!;
  });
}

/** Another 32 well-mixed bits for each bucket (finisher of MurmurHash3). */
function mix(weight: number, bucket: number): number {
  let hash = weight ^ Math.imul(bucket + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
