/** A set of numbers in order. Finds the end of a run without walking it: a full /16 costs 16 looks, not 65,536. */
export class SortedValues {
  readonly #values: bigint[] = [];

  add(value: bigint): void {
    const at = this.#indexOf(value);
    if (this.#values[at] !== value) this.#values.splice(at, 0, value);
  }

  remove(value: bigint): void {
    const at = this.#indexOf(value);
    if (this.#values[at] === value) this.#values.splice(at, 1);
  }

  /** The first number from `value` on that is not in the set. */
  firstAbsent(value: bigint): bigint {
    const start = this.#indexOf(value);
    if (this.#values[start] !== value) return value;
    // Distinct and sorted, so value minus index only grows: it stays equal exactly along the run.
    let inside = start;
    let outside = this.#values.length;
    while (outside - inside > 1) {
      const middle = (inside + outside) >>> 1;
      if (this.#values[middle]! - value === BigInt(middle - start)) inside = middle;
      else outside = middle;
    }
    return this.#values[inside]! + 1n;
  }

  /** How many are between `first` and `last`, both included. */
  count(first: bigint, last: bigint): number {
    return this.#indexOf(last + 1n) - this.#indexOf(first);
  }

  #indexOf(value: bigint): number {
    let low = 0;
    let high = this.#values.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#values[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
