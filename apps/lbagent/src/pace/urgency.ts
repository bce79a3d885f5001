/** Knows whether somebody waits for a change at this moment: what takes long and can wait gives way to it. */
export interface Urgency {
  /** Something urgent begins; it lasts until the function that this returns is called. */
  begin(): () => void;
  /** Resolves when nothing is urgent any more; undefined: nothing is. */
  over(): Promise<void> | undefined;
}

export function createUrgency(): Urgency {
  let under = 0;
  let over = Promise.withResolvers<void>();
  return {
    begin() {
      under += 1;
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        under -= 1;
        if (under > 0) return;
        over.resolve();
        over = Promise.withResolvers();
      };
    },
    over: () => (under > 0 ? over.promise : undefined),
  };
}
