import { connect, type Socket } from 'node:net';

/** Sends run-time commands and gives their replies, in order, one for each. */
export interface CommandSocket {
  /**
   * Throws when haproxy does not answer in time or hangs up; what the commands did is unknown then: look again.
   */
  run(commands: readonly string[]): Promise<readonly string[]>;
  close(): void;
}

/** haproxy's line buffer is 16 kB; more lines wait for their turn. */
const MAX_BATCH_BYTES = 15_000;
const PROMPT = '\n> ';

/**
 * A lasting connection to a run-time socket, made when first needed and again after a failure.
 * `timeoutMs` bounds the wait for each reply.
 */
export function openCommandSocket(path: string, timeoutMs: number): CommandSocket {
  let session: Session | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  const runNow = async (commands: readonly string[]): Promise<readonly string[]> => {
    session ??= await openSession(path, timeoutMs);
    const replies: string[] = [];
    try {
      for (const batch of inBatches(commands)) replies.push(...(await session.send(batch)));
    } catch (error) {
      session.close();
      session = undefined;
      throw error;
    }
    return replies;
  };
  return {
    run(commands) {
      const result = queue.then(() => {
        if (session?.isClosed() === true) session = undefined;
        return runNow(commands);
      });
      queue = result.catch(() => {});
      return result;
    },
    close() {
      session?.close();
      session = undefined;
    },
  };
}

interface Session {
  send(commands: readonly string[]): Promise<readonly string[]>;
  isClosed(): boolean;
  close(): void;
}

async function openSession(path: string, timeoutMs: number): Promise<Session> {
  const socket = connect({ path });
  socket.setEncoding('latin1');
  const reader = readReplies(socket, path, timeoutMs);
  const session: Session = {
    async send(commands) {
      for (const command of commands) assertOneCommand(command);
      const replies = reader.next(commands.length);
      socket.write(commands.map((command) => `${command}\n`).join(''));
      return replies;
    },
    isClosed: () => reader.failed() !== undefined,
    close: () => socket.destroy(),
  };
  try {
    await session.send(['prompt']);
  } catch (error) {
    session.close();
    throw error;
  }
  return session;
}

interface ReplyReader {
  next(count: number): Promise<readonly string[]>;
  failed(): Error | undefined;
}

function readReplies(socket: Socket, path: string, timeoutMs: number): ReplyReader {
  let text = '';
  let pieces: string[] = [];
  let tail = '';
  let failure: Error | undefined;
  let waiting: { count: number; replies: string[]; resolve(r: string[]): void; reject(e: Error): void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const settle = (): void => {
    clearTimeout(timer);
    waiting = undefined;
  };
  const fail = (error: Error): void => {
    failure ??= error;
    waiting?.reject(failure);
    settle();
    socket.destroy();
  };
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => fail(new Error(`haproxy did not answer on ${path} within ${timeoutMs} ms`)), timeoutMs);
  };
  const takeReply = (): boolean => {
    if (waiting === undefined) return false;
    const found = text.indexOf(PROMPT);
    if (found < 0) return false;
    waiting.replies.push(text.slice(0, found).replace(/^\n+|\n+$/g, ''));
    text = text.slice(found + PROMPT.length);
    if (waiting.replies.length < waiting.count) return true;
    waiting.resolve(waiting.replies);
    settle();
    return false;
  };
  socket.on('data', (chunk: string) => {
    pieces.push(chunk);
    const news = tail + chunk;
    tail = news.slice(1 - PROMPT.length);
    // To search all of a long reply again with each of its pieces would take longer than to read it.
    if (news.includes(PROMPT)) {
      text = pieces.join('');
      while (takeReply());
      pieces = [text];
    }
    if (waiting) arm();
  });
  socket.on('error', (error) => fail(new Error(`haproxy's socket ${path}: ${error.message}`)));
  socket.on('close', () => fail(new Error(`haproxy hung up on ${path}`)));
  return {
    next(count) {
      if (failure) return Promise.reject(failure);
      if (count === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        waiting = { count, replies: [], resolve, reject };
        arm();
      });
    },
    failed: () => failure,
  };
}

function inBatches(commands: readonly string[]): readonly (readonly string[])[] {
  const batches: string[][] = [];
  let bytes = Infinity;
  for (const command of commands) {
    const length = command.length + 1;
    if (bytes + length > MAX_BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(command);
    bytes += length;
  }
  return batches;
}

/** A line that haproxy reads as exactly one command of one line. */
function assertOneCommand(command: string): void {
  if (!/^[\x20-\x7e]+$/.test(command) || /[;\\]|<</.test(command) || command.length > MAX_BATCH_BYTES) {
    throw new Error(`${JSON.stringify(command.slice(0, 200))} is not one run-time command`);
  }
}
