import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ElectionTimes } from '../src/leadership.ts';

export interface ProcessStart {
  readonly kubeConfig: string;
  readonly cloudagent: string;
  readonly identity: string;
  readonly times: ElectionTimes;
}

export interface ControllerProcess {
  signal(name: NodeJS.Signals): void;
  /** Its exit code, when it ends. */
  readonly ended: Promise<number | null>;
  /** All it has printed. */
  output(): string;
}

/** Starts a controller as a process; end it by SIGKILL. */
export function spawnController(start: ProcessStart): ControllerProcess {
  const script = join(import.meta.dirname, 'controller-process.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(start)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    signal: (name) => void child.kill(name),
    ended: new Promise((resolve) => child.once('exit', resolve)),
    output: () => text,
  };
}
