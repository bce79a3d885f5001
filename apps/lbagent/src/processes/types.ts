/** One program to keep running, and how it is spoken to. */
export interface ProcessSpec {
  /** For logs and file names: letters, digits and "-". */
  readonly name: string;
  /** The unit, when systemd runs it. */
  readonly unit: string;
  /** Program and arguments, when lbagent runs it. It must stay in the foreground. */
  readonly argv: readonly [string, ...string[]];
  readonly reloadSignal: NodeJS.Signals;
  /** Ends it gently. */
  readonly stopSignal: NodeJS.Signals;
  /** How long to wait before it is started again after its first early end; 0: at once. */
  readonly restartAfterMs: number;
  /** Files the program leaves behind when killed and that would stop it from starting again. */
  readonly staleFiles: readonly string[];
}

export type ProcessStatus =
  /** `adopted`: it was running before this lbagent was. */
  | { readonly kind: 'running'; readonly pid: number; readonly adopted: boolean }
  /** Ended by itself; starts again after `delayMs`. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly delayMs: number }
  /** Never started, or stopped on request. */
  | { readonly kind: 'stopped' };

export type ProcessEvent =
  | { readonly kind: 'started'; readonly pid: number; readonly adopted: boolean }
  /** `reason` reads as "was killed by SIGKILL", "ended with code 1", "is gone", "was stopped for 1000 ms" or "was ended on request". Told within 100 ms. */
  | { readonly kind: 'exited'; readonly pid: number; readonly reason: string };

/** A program that was stopped for so long hangs as far as anybody else can see: it is ended and started again. Milliseconds. */
export const STOPPED_TOO_LONG_MS = 1000;

/** Keeps one program running. The program outlives the supervisor: a later one adopts it. */
export interface Supervisor {
  readonly name: string;
  status(): ProcessStatus;
  /** Adopts the running process or starts one. Success when it already runs. */
  start(): Promise<void>;
  /** Sends the reload signal (or `systemctl reload`). Throws when it is not running. Says nothing about the outcome. */
  reload(): Promise<void>;
  /** Gently, then by force after a grace period. Resolves when it is gone; it is not started again. */
  stop(): Promise<void>;
  /** Ends it by force (a hung process hears nothing else) and starts it at once. */
  restart(): Promise<void>;
  /** Returns the way to unsubscribe. */
  subscribe(listener: (event: ProcessEvent) => void): () => void;
  /** Stops watching and leaves the process running: for the end of lbagent. */
  release(): void;
}
