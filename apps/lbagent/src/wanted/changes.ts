import { type Address, differingKeys } from '@fairlead/model';
import type { Wanted } from './types.ts';

/** Where two wishes may differ; elsewhere they do not. */
export interface Changes {
  /** Keys of services. */
  readonly keys: ReadonlySet<string>;
  readonly vips: ReadonlySet<Address>;
}

/** All of them are compared unless one wish was made from the other. */
export function changesBetween(before: Wanted, wanted: Wanted): Changes {
  return { keys: differingKeys(before.services, wanted.services), vips: differingKeys(before.vips, wanted.vips) };
}
