/** One JSON object a line on the standard input of a forwarder of the Kubernetes API. */
export type ForwarderCommand =
  /** From now on these, the first that matches; what none matches passes. */
  | { readonly command: 'rules'; readonly id: number; readonly rules: readonly Rule[] }
  /** Each watch that is open now passes half of the next thing it has to say, then its connection is broken off. */
  | { readonly command: 'cut'; readonly id: number }
  /** Each watch that is open now says that its version is too old, and ends. */
  | { readonly command: 'expire'; readonly id: number }
  /** Each watch that is open now on a path that begins so stays open and passes nothing more. */
  | { readonly command: 'silence'; readonly id: number; readonly path: string }
  | { readonly command: 'requests'; readonly id: number };

/** One JSON object a line on its standard output, for each command. */
export type ForwarderAnswer =
  | { readonly id: number; readonly requests: readonly SeenRequest[] }
  /** How many watches it was about. */
  | { readonly id: number; readonly watches: number };

export interface Rule {
  readonly match: Match;
  readonly effect: Effect;
}

/** All that is given must be so. */
export interface Match {
  readonly method?: string;
  /** Beginning of the path. */
  readonly path?: string;
  readonly watch?: boolean;
}

export type Effect =
  /** Answered with this status instead of being passed on. */
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfterSeconds?: number }
  /** The connection stays, and nothing passes any more; watches that are open already included. */
  | { readonly kind: 'silence' };

/** What a client asked and was answered. */
export interface SeenRequest {
  /** Milliseconds since the forwarder started. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly watch: boolean;
  /** `resourceVersion` of the query. */
  readonly version?: string;
  /** 0: nothing yet. */
  status: number;
  /** What ended a watch, when it has ended; `expired` and `cut` by us, `gone` by the API server's own 410. */
  end?: 'expired' | 'cut' | 'gone' | 'in order' | 'broken';
}
