import { spawn } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { systemdSupervisor } from './systemd.ts';
import type { RunResult } from './run.ts';
import type { UnitVerb } from './unit-control.ts';

const spec = {
  name: 'keepalived',
  unit: 'keepalived.service',
  argv: ['/usr/sbin/keepalived'],
  reloadSignal: 'SIGHUP',
  stopSignal: 'SIGTERM',
  restartAfterMs: 0,
  staleFiles: [],
} as const;

/** systemd that answers a start like this. */
const answering = (start: Partial<RunResult>) => async (verb: UnitVerb) => ({
  code: 0,
  stdout: verb === 'show' ? 'MainPID=0\n' : '',
  stderr: '',
  ...(verb === 'start' ? start : {}),
});

it.each([
  [
    'is not installed',
    { code: 5, stderr: 'Failed to start keepalived.service: Unit keepalived.service not found.\n' },
    'there is no keepalived.service: install the package keepalived',
  ],
  [
    'is masked',
    { code: 1, stderr: 'Failed to start keepalived.service: Unit keepalived.service is masked.\n' },
    'keepalived.service is masked: run systemctl unmask keepalived.service',
  ],
  [
    'fails',
    { code: 1, stderr: 'Job for keepalived.service failed.\nSee "systemctl status" for details.\n' },
    'systemctl start keepalived.service failed (code 1: Job for keepalived.service failed.; See "systemctl status" for details.): see journalctl --unit=keepalived.service',
  ],
  ['ends at once', { code: 0 }, 'keepalived.service did not stay up: see journalctl --unit=keepalived.service'],
])('a unit that %s is told of with what to do', async (_what, start, sentence) => {
  await expect(systemdSupervisor(spec, answering(start)).start()).rejects.toThrow(new Error(sentence));
});

it('a unit that ended and does not start again waits with the reason', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  let masked = false;
  const control = async (verb: UnitVerb) => {
    if (verb === 'show') return { code: 0, stdout: `MainPID=${masked ? 0 : child.pid}\n`, stderr: '' };
    return masked && verb === 'start'
      ? { code: 1, stdout: '', stderr: 'Failed to start keepalived.service: Unit keepalived.service is masked.\n' }
      : { code: 0, stdout: '', stderr: '' };
  };
  const supervisor = systemdSupervisor(spec, control);
  try {
    await supervisor.start();
    masked = true;
    child.kill('SIGKILL');
    await vi.waitFor(
      () =>
        expect(supervisor.status()).toMatchObject({
          kind: 'waiting',
          reason: 'keepalived.service is masked: run systemctl unmask keepalived.service',
        }),
      { timeout: 10_000, interval: 50 },
    );
  } finally {
    supervisor.release();
    child.kill('SIGKILL');
  }
});
