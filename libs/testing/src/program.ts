import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** Makes the second start of a program take a third of the first. */
const COMPILED = resolve(import.meta.dirname, '../../../node_modules/.cache/compiled');

/** A program under test. */
export interface Program {
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, when it ends; null: it was killed. */
  readonly ended: Promise<number | null>;
  /** All it has printed, errors too. */
  output(): string;
}

export interface ProgramOptions {
  /** Default: that of this process. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Given on standard input, which is then closed. */
  readonly input?: string;
}

/** Runs a program until it ends or is signalled; end it, also when the test fails. */
export function runProgram(argv: readonly [string, ...string[]], options: ProgramOptions = {}): Program {
  const [file, ...args] = argv;
  const env = { NODE_COMPILE_CACHE: COMPILED, ...(options.environment ?? process.env) };
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return {
    pid: child.pid ?? 0,
    signal: (name) => void child.kill(name),
    ended: new Promise((resolve, reject) => child.once('error', reject).once('close', resolve)),
    output: () => text,
  };
}

/** The TypeScript file as a command: on this Node, without its warnings. */
export function nodeCommand(script: string): [string, ...string[]] {
  return [process.execPath, '--disable-warning=ExperimentalWarning', script];
}

/**
 * Put before a command: root without the right to pass over owners and modes, as every other user. Nothing is needed for
 * those who are not root.
 */
export function asOrdinaryUser(): readonly string[] {
  return process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
}
