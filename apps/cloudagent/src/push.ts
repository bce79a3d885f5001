import type { Logger, Trace } from '@fairlead/telemetry';
import { raiseEpoch } from './decisions/epoch.ts';
import { MachineLink, type OpenSync } from './machines/link.ts';
import { Planner } from './machines/planner.ts';
import type { MachineResource } from './resources/types.ts';
import { machinesOf } from './truth/site.ts';
import type { MachineView } from './status.ts';
import type { Committed, TruthKeeper } from './truth/truth-keeper.ts';
import { versionOf } from './truth/truth.ts';

/** A way to speak to one machine. */
export interface Connection {
  readonly open: OpenSync;
  close(): void;
}

export interface FleetSettings {
  readonly keeper: TruthKeeper;
  readonly connect: (machine: MachineResource) => Connection;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
  /** Called before an update is sent; a test ends the process there. */
  readonly beforePush?: () => void;
}

/** Something about a machine of this set is different; `notable`: more than what it has applied. */
export type FleetListener = (set: string, notable: boolean) => void;

interface Linked {
  readonly link: MachineLink;
  readonly connection: Connection;
  readonly target: string;
}

/** One link to every declared machine, each on its own: a slow or dead one holds up nobody. */
export class Fleet {
  readonly #settings: FleetSettings;
  readonly #planner: Planner;
  readonly #links = new Map<string, Linked>();
  readonly #listeners = new Set<FleetListener>();
  #trace: Trace | undefined;
  #stopped = false;
  #unsubscribe: () => void = () => undefined;
  readonly #ending = new Set<Promise<void>>();

  constructor(settings: FleetSettings) {
    this.#settings = settings;
    this.#planner = new Planner(settings.keeper);
  }

  /** Begins to push; the epoch of this life must have begun. */
  start(): void {
    this.#unsubscribe = this.#settings.keeper.subscribe((committed) => this.#take(committed));
    this.#reconcile();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    for (const name of this.#links.keys()) this.#unlink(name);
    await Promise.all(this.#ending);
  }

  subscribe(listener: FleetListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The machines of a set, in order of name. */
  viewsOf(set: string): readonly MachineView[] {
    return machinesOf(this.#settings.keeper.truth.site, set).map(({ name }) => this.view(name));
  }

  view(machine: string): MachineView {
    return this.#links.get(machine)?.link.view ?? { name: machine, connected: false, acks: [] };
  }

  /** Why nothing can be pushed to the machine, or undefined. */
  problemOf(machine: string): string | undefined {
    return this.#links.get(machine)?.link.problem;
  }

  /**
   * Resolves when every machine of the set that is connected has applied this generation, one that connects meanwhile
   * included; rejects when the signal aborts.
   */
  async settled(set: string, generation: number, signal: AbortSignal): Promise<void> {
    const isSettled = () =>
      this.viewsOf(set).every(({ connected, acks }) => !connected || (acks.at(-1)?.generation ?? 0) >= generation);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => isSettled() && resolve();
    const unsubscribe = this.subscribe((changed) => changed === set && look());
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    try {
      if (signal.aborted) abort();
      look();
      await promise;
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', abort);
    }
  }

  #take({ changes, trace }: Committed): void {
    if (trace !== undefined) this.#trace = trace;
    if (changes.resources !== undefined) this.#reconcile();
    const { epoch, generation } = changes.counters ?? {};
    if (epoch === undefined && generation === undefined) return;
    for (const { link } of this.#links.values()) link.wake();
  }

  #reconcile(): void {
    const { machines } = this.#settings.keeper.truth.site;
    for (const [name, { target }] of this.#links) {
      const machine = machines.get(name);
      if (machine === undefined || targetOf(machine) !== target) this.#unlink(name);
    }
    for (const machine of machines.values()) if (!this.#links.has(machine.name)) this.#linkTo(machine);
  }

  #linkTo(machine: MachineResource): void {
    const { keeper, connect, now, log, beforePush } = this.#settings;
    const { name, spec } = machine;
    const connection = connect(machine);
    const link = new MachineLink({
      name,
      open: connection.open,
      version: () => versionOf(keeper.truth),
      plan: () => {
        beforePush?.();
        return this.#planner.stateOf(name);
      },
      raise: (reported) => keeper.change((truth) => raiseEpoch(truth, reported)),
      trace: () => this.#trace,
      onChange: (notable) => this.#tell(spec.loadBalancerSet, notable),
      now,
      log,
    });
    this.#links.set(name, { link, connection, target: targetOf(machine) });
    link.start();
  }

  #unlink(name: string): void {
    const linked = this.#links.get(name);
    if (linked === undefined) return;
    this.#links.delete(name);
    const ending = linked.link.stop().finally(() => {
      linked.connection.close();
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }

  #tell(set: string, notable: boolean): void {
    if (this.#stopped) return;
    for (const listener of this.#listeners) listener(set, notable);
  }
}

function targetOf({ spec }: MachineResource): string {
  return `${spec.loadBalancerSet} ${spec.agentAddress} ${spec.agentPort}`;
}
