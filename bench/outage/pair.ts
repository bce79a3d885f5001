/** Two LB machines of which one owns all addresses, however that is brought about. */
export interface Pair {
  /** VIPs, each with a program behind port 80 that greets over HTTP. */
  readonly vips: readonly string[];
  /** The machine that owns them, once there is exactly one and the other could follow it; throws otherwise. */
  owner(): Promise<string>;
  strike(fault: Fault, owner: string): Promise<void>;
  /** Undoes the fault; `owner` says when all is well again. */
  mend(fault: Fault, owner: string): Promise<void>;
}

/** `machine lost`: nothing of it is heard any more. `stopped`: an operator takes it out of service in the proper way. */
export type Fault = 'machine lost' | 'haproxy killed' | 'stopped';

export const FAULTS: readonly Fault[] = ['machine lost', 'haproxy killed', 'stopped'];
