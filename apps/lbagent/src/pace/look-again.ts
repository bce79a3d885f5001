/**
 * Looks at once, and again `everyMs` after the end of each look. One that fails is no more than told: the next one comes in
 * any case. Returns the way to stop; a look that is under way ends by itself.
 */
export function lookAgain(
  everyMs: number,
  look: () => Promise<void>,
  onFailure: (error: unknown) => void = () => undefined,
): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const loop = async (): Promise<void> => {
    await look().catch(onFailure);
    if (!stopped) timer = setTimeout(() => void loop(), everyMs);
  };
  void loop();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
