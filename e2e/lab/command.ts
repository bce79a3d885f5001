import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { CommandResult } from './protocol.ts';

const OUTPUT_LIMIT = 64 << 20;

export interface CommandOptions {
  readonly stdin?: string;
  /** Milliseconds until it is killed; 60,000 unless given. */
  readonly timeout?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end. Throws only when it cannot be started or does not end in time. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('no command given');
  const timeout = options.timeout ?? 60_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: 'pipe', env: options.env ?? process.env });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], size: 0 };
    const collect = (name: 'stdout' | 'stderr') => (data: Buffer) => {
      output.size += data.length;
      if (output.size < OUTPUT_LIMIT) output[name].push(data);
    };
    child.stdout.on('data', collect('stdout'));
    child.stderr.on('data', collect('stderr'));
    const text = (name: 'stdout' | 'stderr') => Buffer.concat(output[name]).toString();
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`\`${argv.join(' ')}\` did not end within ${timeout} ms. Its stderr: ${text('stderr').trim()}`));
    }, timeout);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`cannot run ${program}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: exitCode(code, signal), stdout: text('stdout'), stderr: text('stderr') });
    });
    // A program that ends without reading its input is no error of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}

/** Like `run`, but a code other than 0 throws, with what the program said. Returns stdout. */
export async function must(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim() || result.stdout.trim();
  throw new Error(`\`${argv.join(' ')}\` ended with code ${result.code}: ${said}`);
}

/** The shell's: 128 + number for a signal. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
