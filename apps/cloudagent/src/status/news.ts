/** News of load balancers that one reader has not taken yet: of each only the newest. */
export class StatusNews<Item> {
  readonly #urgent = new Map<string, Item>();
  readonly #patient = new Map<string, { readonly item: Item; readonly dueAt: number }>();
  #wake: () => void = () => undefined;

  /** `patient`: worth telling only if it is still the newest a moment later. */
  put(id: string, item: Item, patient: boolean): void {
    const { dueAt = performance.now() + PATIENCE_MS } = this.#patient.get(id) ?? {};
    // Deleted first, so that what changes often does not go before what has waited longer.
    this.#urgent.delete(id);
    this.#patient.delete(id);
    if (patient) this.#patient.set(id, { item, dueAt });
    else this.#urgent.set(id, item);
    this.#wake();
  }

  /** The next one that is due, and no longer kept; undefined: none is. */
  take(): Item | undefined {
    for (const [id, item] of this.#urgent) {
      this.#urgent.delete(id);
      return item;
    }
    for (const [id, { item, dueAt }] of this.#patient) {
      if (dueAt > performance.now()) return undefined;
      this.#patient.delete(id);
      return item;
    }
    return undefined;
  }

  /** Ends the wait that is under way. */
  wake(): void {
    this.#wake();
  }

  /** Resolves when there is something new to be looked at. */
  async wait(): Promise<void> {
    const [next] = this.#patient.values();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (next !== undefined) timer = setTimeout(resolve, Math.max(1, next.dueAt - performance.now()));
    });
    clearTimeout(timer);
  }
}

/** A load balancer is on its way for some milliseconds; its reader would turn each word of that into work. */
const PATIENCE_MS = 100;
