export * from './address.ts';
export { changedMap } from './changed-map.ts';
export * from './load-balancer.ts';
export * from './machine.ts';
export * from './map-difference.ts';
export * from './options.ts';
export * from './pool.ts';
export * from './source-ranges.ts';
