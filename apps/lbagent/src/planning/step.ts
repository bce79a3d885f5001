import type { Quota, Server, ServerCheck } from '@fairlead/haproxy';
import type { Address } from '@fairlead/model';
import type { Forward } from '../forwarding/types.ts';
import type { LinkAddress } from '../links/types.ts';
import type { CaughtPort, Limit } from '../nftables/types.ts';
import type { NodeCheck } from '../wanted/wanted.ts';

/** One change of the data plane. `key`: the service (`VIP|port`) it is for. */
export type Step =
  | { readonly kind: 'add-address'; readonly address: LinkAddress }
  | { readonly kind: 'use-node-check'; readonly backend: string; readonly server: string; readonly check: NodeCheck }
  /** Nobody of a cluster passes its check: this one counts as alive, and is not asked. */
  | { readonly kind: 'hold-node-check'; readonly backend: string; readonly server: string }
  | {
      readonly kind: 'add-server';
      readonly key: string;
      readonly backend: string;
      readonly server: Server;
    }
  | ({ readonly kind: 'resume-server'; readonly check: ServerCheck['kind'] } & ServerAt)
  /** It is to leave, but must go on until another is alive, whatever its check says. */
  | ({ readonly kind: 'keep-server' } & ServerAt)
  /** Opens the service to others than before, or to everyone when there is no `to`. */
  | { readonly kind: 'limit'; readonly key: string; readonly from?: Limit; readonly to?: Limit }
  | {
      /** `move-service`: another backend, or another quota. */
      readonly kind: 'add-service' | 'move-service';
      readonly key: string;
      readonly backend: string;
      readonly quota?: Quota;
    }
  | { readonly kind: 'catch'; readonly key: string; readonly caught: CaughtPort }
  | { readonly kind: 'release'; readonly key: string; readonly caught: CaughtPort }
  | { readonly kind: 'forward'; readonly key: string; readonly forward: Forward }
  | { readonly kind: 'stop-forwarding'; readonly key: string; readonly vip: Address; readonly port: number }
  | { readonly kind: 'remove-service'; readonly key: string }
  | ({ readonly kind: 'drain-server' } & ServerAt)
  /** `force`: ends the connections it still has. Without it the server may stay for a while. */
  | ({ readonly kind: 'delete-server'; readonly force: boolean } & ServerAt)
  | { readonly kind: 'free-node-check'; readonly backend: string; readonly server: string }
  | { readonly kind: 'remove-address'; readonly address: LinkAddress };

export interface ServerAt {
  readonly key: string;
  readonly backend: string;
  readonly server: string;
}

/** Steps that add and steps that remove; the first kind goes first. */
export interface Halves {
  readonly add: readonly Step[];
  readonly remove: readonly Step[];
}

/** A map's entries in order of key. */
export function inOrder<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
