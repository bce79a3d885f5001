import { join } from 'node:path';
import { nodeCommand, type Program, runProgram } from '@fairlead/testing';
import type { ElectionTimes } from '../src/leadership/leadership.ts';

export interface ProcessStart {
  readonly kubeConfig: string;
  readonly cloudagent: string;
  readonly identity: string;
  readonly times: ElectionTimes;
}

/** Starts a controller as a process of its own; end it by SIGKILL. */
export function spawnController(start: ProcessStart): Program {
  return runProgram([...nodeCommand(join(import.meta.dirname, 'controller-process.ts')), JSON.stringify(start)]);
}
