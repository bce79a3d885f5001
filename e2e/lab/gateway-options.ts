/** What a gateway is started with, as JSON in its first argument. No secrets. */
export interface GatewayOptions {
  readonly directory: string;
  /** End when the standard input ends, and so with the process that started it. */
  readonly bound: boolean;
  /** Address of the wire in the lab, with prefix length. */
  readonly wireAddress: string;
  /** PATH of everything in the lab. */
  readonly path: string;
  /** Ports of hosts to be reachable on this machine's loopback. */
  readonly forwards: readonly Forward[];
}

export interface Forward {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** The one line a gateway writes to its standard output. */
export type GatewayState =
  | {
      /** Local port, by name of the forward. */
      readonly ports: Readonly<Record<string, number>>;
      /** The process whose only child is the lab's first process. */
      readonly unsharePid: number;
    }
  | { readonly error: string };
