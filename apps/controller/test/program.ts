import { spawn } from 'node:child_process';

/** A program of ours under test. */
export interface Program {
  signal(name: NodeJS.Signals): void;
  /** Its exit code, when it ends. */
  readonly ended: Promise<number | null>;
  /** All it has printed, errors too. */
  output(): string;
}

/** Runs a TypeScript file on this Node; end it by a signal. */
export function runProgram(script: string, argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Program {
  const child = spawn(process.execPath, [script, ...argv], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    signal: (name) => void child.kill(name),
    ended: new Promise((resolve) => child.once('close', resolve)),
    output: () => text,
  };
}
