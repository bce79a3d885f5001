import { sleep } from '../lab/command.ts';

/** Asks until there is no error, and returns the answer. After `seconds` the last error is thrown. */
export async function eventually<T>(ask: () => Promise<T> | T, seconds = 10): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
