/** What is to be sent on one stream, in order; its reader takes the items as the network takes them. */
export class Outgoing<Item> implements AsyncIterable<Item> {
  readonly #items: Item[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  send(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing more will come; what was sent is still read. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
