/** Tells what happens, keeps the claims that did not hold, and knows how long it all took. */
export class Story {
  readonly #started = performance.now();
  readonly #broken: string[] = [];
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void = console.log) {
    this.#print = print;
  }

  chapter(title: string): void {
    this.#print(`\n${title}`);
  }

  tell(line: string): void {
    this.#print(`  ${line}`);
  }

  /** A statement that must be true. */
  claim(holds: boolean, statement: string): void {
    this.#print(`  ${holds ? '✓' : '✗'} ${statement}`);
    if (!holds) this.#broken.push(statement);
  }

  /** Says how it went; true when every claim held. */
  end(): boolean {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(0);
    this.#print('');
    if (this.#broken.length === 0) this.#print(`Every claim held. ${seconds} s.`);
    for (const statement of this.#broken) this.#print(`Did not hold: ${statement}`);
    return this.#broken.length === 0;
  }
}

/** How long `work` took, in whole milliseconds, with what it returned. */
export async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, Math.round(performance.now() - started)];
}
