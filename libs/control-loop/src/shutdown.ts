import { systemClock, type Clock } from './clock.ts';

export interface ShutdownSettings {
  /** All steps together may take so long. 10 s unless given. */
  readonly timeLimitMs?: number;
  /** Told what goes wrong: a step that failed, or the step at which the time was over. */
  readonly onProblem?: (problem: { readonly step: string; readonly error: unknown }) => void;
  readonly clock?: Clock;
}

/** What `process` is here for. */
export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT', handler: (signal: string) => void): unknown;
  exit(code: number): unknown;
}

/**
 * Ends a program in order: what was started last ends first. Each part adds its step when it has started; a step that
 * fails is reported and does not keep the others from running.
 */
export class Shutdown {
  readonly #settings: ShutdownSettings;
  readonly #steps: { readonly name: string; readonly run: () => Promise<void> | void }[] = [];
  readonly #begun = new AbortController();
  #result: Promise<boolean> | undefined;

  constructor(settings: ShutdownSettings = {}) {
    this.#settings = settings;
  }

  /** Aborts when the shutdown begins, before the first step. */
  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  /** Adds what is to be done before everything that was added earlier. The name is a noun: "control port". */
  step(name: string, run: () => Promise<void> | void): void {
    this.#steps.push({ name, run });
  }

  /**
   * Begins on SIGTERM or SIGINT and then ends the process: code 0 when every step went well, else 1. A second signal
   * ends it at once.
   */
  onSignals(source: SignalSource): void {
    let signals = 0;
    const handle = (): void => {
      signals += 1;
      if (signals > 1) source.exit(1);
      else void this.begin().then((well) => source.exit(well ? 0 : 1));
    };
    source.on('SIGTERM', handle);
    source.on('SIGINT', handle);
  }

  /** Runs the steps once, however often it is called; true when all of them went well within the time. */
  async begin(): Promise<boolean> {
    this.#result ??= this.#run();
    return await this.#result;
  }

  async #run(): Promise<boolean> {
    const { clock = systemClock, timeLimitMs = 10_000 } = this.#settings;
    this.#begun.abort();
    let current = '';
    let over = false;
    const steps = async (): Promise<boolean> => {
      let well = true;
      for (const { name, run } of this.#steps.toReversed()) {
        if (over) return false;
        current = name;
        well = (await this.#runStep(name, run)) && well;
      }
      return well;
    };
    const limit = Promise.withResolvers<boolean>();
    const cancel = clock.after(timeLimitMs, () => {
      over = true;
      this.#report(current, new Error(`did not end within ${timeLimitMs} ms: going on without it`));
      limit.resolve(false);
    });
    const well = await Promise.race([steps(), limit.promise]);
    cancel();
    return well;
  }

  async #runStep(name: string, run: () => Promise<void> | void): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      this.#report(name, error);
      return false;
    }
  }

  #report(step: string, error: unknown): void {
    this.#settings.onProblem?.({ step, error });
  }
}
