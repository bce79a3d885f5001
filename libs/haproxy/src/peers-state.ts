import type { CommandSocket } from './socket.ts';

/** Both bits of HAProxy's peers.h: nothing more to learn from the worker before, and from other machines. */
const LEARNT = 0x3;

/**
 * Reads the reply to `show peers`: whether a worker that has peers has learnt what it could since it started. Only such a
 * one hands its tables over to the worker that follows it; it takes up to 10 seconds when nobody answers it.
 */
export function hasLearnt(reply: string): boolean {
  const flags = [...reply.matchAll(/^0x[0-9a-f]+: .* id=\S+ .*\bflags=0x([0-9a-f]+) /gm)].map((match) =>
    Number.parseInt(match[1]!, 16),
  );
  return flags.every((each) => (each & LEARNT) === LEARNT);
}

/** Asks the worker on the other end; true when it has no peers. */
export async function peersHaveLearnt(socket: CommandSocket): Promise<boolean> {
  const [reply] = await socket.run(['show peers']);
  return hasLearnt(reply!);
}
