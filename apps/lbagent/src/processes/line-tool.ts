import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/**
 * A program that reads commands line by line and stays for the next (`ip -batch -`, `nft -i`): 0.1 ms a command where
 * starting it anew takes 3 to 20. Neither says when a command succeeded. So each request is followed by a line
 * that the program must refuse: when its complaint is on standard error, everything before it has been carried out.
 */
export interface LineToolOptions {
  readonly argv: readonly [string, ...string[]];
  /** Words that the program does not know. */
  readonly sentinel: string;
  /** Matches the whole complaint about the sentinel. */
  readonly complaint: RegExp;
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

export interface Reply {
  /** What the program complained about; empty: all went well. */
  readonly complaints: string;
  /** Number of the request's first line since the program started, from 1. */
  readonly firstLine: number;
}

export interface LineTool {
  /**
   * Carries out lines (without a line end at the end), one request after the other. The program is started when it is
   * not running. Throws when it dies or hangs on the way: then it is unknown which lines were carried out.
   */
  send(lines: readonly string[]): Promise<Reply>;
  close(): Promise<void>;
}

type Child = ChildProcessByStdio<Writable, null, Readable>;

export function openLineTool(options: LineToolOptions): LineTool {
  let running: Running | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  async function carryOut(lines: readonly string[]): Promise<Reply> {
    if (closed) throw new Error(`${options.argv[0]} was asked for work after it was closed`);
    if (running === undefined || running.ended) running = startTool(options);
    return running.request(lines);
  }

  return {
    send(lines) {
      const reply = last.then(() => carryOut(lines));
      last = reply.catch(() => undefined);
      return reply;
    },
    async close() {
      await last;
      closed = true;
      await running?.end();
    },
  };
}

interface Running {
  readonly ended: boolean;
  request(lines: readonly string[]): Promise<Reply>;
  end(): Promise<void>;
}

function startTool(options: LineToolOptions): Running {
  const [program, ...args] = options.argv;
  const child: Child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let heard = '';
  let linesSent = 0;
  let ended: string | undefined;
  let wake: () => void = () => undefined;
  const end = (why: string): void => {
    ended ??= why;
    wake();
  };
  child.stderr.on('data', (data: Buffer) => {
    heard += data.toString();
    wake();
  });
  child.stdin.on('error', (error) => end(error.message));
  child.on('error', (error) => end(`cannot be run: ${error.message}`));
  child.on('close', (code, signal) => end(signal === null ? `ended with code ${code}` : `was killed by ${signal}`));

  function failure(): Error {
    return new Error(`${options.argv.join(' ')} ${ended}: ${heard.trim() || 'it said nothing'}`);
  }

  return {
    get ended() {
      return ended !== undefined;
    },
    async request(lines) {
      const firstLine = linesSent + 1;
      linesSent += lines.length + 1;
      heard = '';
      child.stdin.write(`${[...lines, options.sentinel].join('\n')}\n`);
      const timer = setTimeout(() => {
        end('hung and was killed');
        child.kill('SIGKILL');
      }, options.timeoutMs ?? 10_000);
      try {
        for (;;) {
          const match = options.complaint.exec(heard);
          if (match) return { complaints: heard.slice(0, match.index), firstLine };
          if (ended !== undefined) throw failure();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async end() {
      if (ended !== undefined) return;
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 1000);
      await gone;
      clearTimeout(timer);
    },
  };
}
