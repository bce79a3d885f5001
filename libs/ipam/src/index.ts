export { AddressBook, AddressHeldError } from './address-book.ts';
export type { Holder, Holding, Rest } from './address-book.ts';
export { assign, poolContaining } from './assign.ts';
export type { AssignRequest, AssignedAddress, Assignment } from './assign.ts';
export { machineFamilyOf, nextMachineAddress } from './free.ts';
export type { Occupied } from './free.ts';
export type { ServingSet, Wanted } from './permission.ts';
export { poolStatistics } from './statistics.ts';
export type { PoolAt, PoolStatistics } from './statistics.ts';
