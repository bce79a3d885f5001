import { spawn } from 'node:child_process';

export interface RunOptions {
  /** Given on standard input. */
  readonly input?: string;
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** Exit code; -1 when it was killed or could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a shell. A failure is data: look at `code` and `stderr`. */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timeoutMs = options.timeoutMs ?? 10_000;
    let trouble = '';
    const timer = setTimeout(() => {
      trouble = `${program} did not end within ${timeoutMs} ms and was killed`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => err.push(data));
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: -1, stdout: '', stderr: `${program} cannot be run: ${error.message}` });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (signal !== null && trouble === '') trouble = `${program} was killed by ${signal}`;
      const stderr = Buffer.concat(err).toString();
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(out).toString(),
        stderr: trouble === '' ? stderr : `${stderr}${trouble}`,
      });
    });
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** As `run`, for programs that must succeed: their standard output, or a throw with what they said. */
export async function runOrThrow(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  throw new Error(`${argv.join(' ')} failed (code ${result.code}): ${result.stderr.trim() || result.stdout.trim()}`);
}
