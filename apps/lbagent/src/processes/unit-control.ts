import { connect } from 'node:net';
import { run, type RunResult } from './run.ts';

/** What lbagent asks systemd for. `kill`: SIGKILL to all of the unit's processes. `show`: answers `MainPID=N`. */
export type UnitVerb = 'show' | 'start' | 'stop' | 'restart' | 'reload' | 'reset-failed' | 'kill';

/** Asks systemd; a failure is data: look at `code` and `stderr`. `timeoutMs`: default 10,000. */
export type UnitControl = (verb: UnitVerb, unit: string, timeoutMs?: number) => Promise<RunResult>;

/** By systemctl: for root. */
export function systemctlControl(systemctl: string): UnitControl {
  return (verb, unit, timeoutMs) =>
    run([systemctl, ...WORDS[verb], unit], timeoutMs === undefined ? {} : { timeoutMs });
}

const WORDS: Readonly<Record<UnitVerb, readonly string[]>> = {
  show: ['show', '--property=MainPID'],
  start: ['start'],
  stop: ['stop'],
  restart: ['restart'],
  reload: ['reload'],
  'reset-failed': ['reset-failed'],
  kill: ['kill', '--signal=SIGKILL'],
};

/**
 * By a unix socket behind which root does what is asked, for haproxy and keepalived alone: lbagent needs no more rights.
 * A connection is a request: `VERB UNIT` and a line end; the answer is systemctl's exit code, a line end, and what it said.
 */
export function socketControl(path: string): UnitControl {
  return (verb, unit, timeoutMs = 10_000) =>
    new Promise((resolve) => {
      let answer = '';
      const fail = (why: string): void => {
        socket.destroy();
        resolve({ code: -1, stdout: '', stderr: `${path}: ${why}; is lbagent-units.socket running?` });
      };
      const socket = connect(path, () => void socket.write(`${verb} ${unit}\n`));
      socket.setEncoding('utf8');
      socket.setTimeout(timeoutMs, () => fail(`no answer to "${verb} ${unit}" within ${timeoutMs} ms`));
      socket.on('data', (text) => (answer += text.toString()));
      socket.on('error', (error) => fail(error.message));
      socket.on('end', () => {
        const code = /^(\d{1,3})\n/.exec(answer)?.[1];
        if (code === undefined)
          return fail(`not an answer to "${verb} ${unit}": ${JSON.stringify(answer.slice(0, 200))}`);
        const said = answer.slice(code.length + 1);
        resolve(
          code === '0' ? { code: 0, stdout: said, stderr: '' } : { code: Number(code), stdout: '', stderr: said },
        );
      });
    });
}
