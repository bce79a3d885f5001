/** What the user of the service path is told, one JSON object a line; each is answered by one line before the next is sent. */

/**
 * What a Service is like. `bare`: nobody's pods, so that it waits for nothing but Fairlead. `selected`: selects the pods of
 * the site. `sliced`: its EndpointSlice was made before by `slice`. `foreign`: of another's class, so that Fairlead leaves it.
 */
export type Kind = 'bare' | 'selected' | 'sliced' | 'foreign';

export type Order =
  /** Creates Services, so many calls at once, and waits until each has got that far. */
  | {
      readonly order: 'create';
      readonly names: readonly string[];
      readonly kind: Kind;
      readonly atOnce: number;
      /** `own-address`: writes it itself, as soon as it sees the Service, as the least that any controller must do. */
      readonly until: 'created' | 'own-address' | 'address' | 'answer';
      /** Addresses of nodes: also when the first of them takes a connection at the NodePort. */
      readonly nodes?: readonly string[];
    }
  /** Makes a NodePort Service that selects the pods, waits until all nodes take connections for it, then makes it a LoadBalancer. */
  | { readonly order: 'publish'; readonly name: string; readonly nodes: readonly string[] }
  /** An EndpointSlice for each Service to come. */
  | { readonly order: 'slice'; readonly names: readonly string[]; readonly pods: readonly string[] }
  /** Waits until they are gone. */
  | { readonly order: 'remove'; readonly names: readonly string[]; readonly atOnce: number }
  /** How often these Services changed since they were created. */
  | { readonly order: 'changes'; readonly names: readonly string[] };

export interface Answer {
  /** Before the first call. Nanoseconds of the machine's monotonic clock, as everywhere here. */
  readonly begunNs: number;
  /** In the order of the names. */
  readonly services: readonly Life[];
}

/** When a Service got how far; only what was asked for. */
export interface Life {
  readonly name: string;
  /** The call was sent: to create it, or to make it a LoadBalancer. */
  readonly begunNs: number;
  readonly createdNs?: number;
  /** Seen in a watch. */
  readonly addressNs?: number;
  readonly address?: string;
  /** The first byte from a pod through its address was read. */
  readonly answerNs?: number;
  readonly nodePortNs?: number;
  readonly changes?: number;
}
