import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inNamespaces } from './namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'supervisor.fixture.ts');

function scenario<T>(name: string): Promise<T> {
  return inNamespaces<T>(FIXTURE, name);
}

describe('a supervised child', () => {
  it('is started again when it is killed, and nothing of its group is left behind', async () => {
    const seen = await scenario<{ ms: number }>('killed');
    expect(seen).toMatchObject({
      staleFileLeft: false,
      event: { kind: 'exited', reason: 'was killed by SIGKILL' },
      other: true,
      left: 1,
      log: ['started', 'started', 'reloaded', 'ended'],
      gone: 0,
      status: { kind: 'stopped' },
    });
    expect(seen.ms).toBeLessThan(300);
  });

  it('outlives its supervisor and is adopted by the next, which notices its end soon too', async () => {
    const seen = await scenario<{ ms: number }>('adopted');
    expect(seen).toMatchObject({
      same: true,
      status: { kind: 'running', adopted: true },
      again: { kind: 'running', adopted: false },
    });
    expect(seen.ms).toBeLessThan(300);
  });

  it('is not mistaken for a stranger that has its number now', async () => {
    expect(await scenario('stranger')).toEqual({ status: { kind: 'running', adopted: false, pid: 0 }, spared: true });
  });

  it('is replaced when it was started with other arguments', async () => {
    const seen = await scenario('otherArguments');
    expect(seen).toEqual({ replaced: true, firstEnded: true, log: ['started', 'ended', 'started', 'ended'] });
  });

  it('is ended by force when it hangs or does not want to stop', async () => {
    const seen = await scenario<{ stopMs: number }>('hung');
    expect(seen).toMatchObject({ replaced: true, sleeping: 1, left: 0 });
    expect(seen.stopMs).toBeGreaterThan(290);
  });

  it('is replaced when it or a child of it has been stopped for a second, not for less', async () => {
    const seen = await scenario<{ ms: number }>('stopped');
    const event = { kind: 'exited', pid: 0, reason: 'was stopped for 1000 ms' };
    expect(seen).toMatchObject({ spared: true, event, sleeping: 1 });
    expect(seen.ms).toBeGreaterThan(900);
    expect(seen.ms).toBeLessThan(3000);
  });

  it('says which program cannot be run', async () => {
    expect(await scenario('unrunnable')).toEqual({
      message: expect.stringMatching(/^\/run\/nothing-here cannot be run: .*ENOENT/),
      reload: 'program cannot be reloaded: it is not running',
      status: { kind: 'stopped' },
    });
  });

  it('is started less and less often when it ends at once', async () => {
    const seen = await scenario<{ starts: number }>('crashing');
    expect(seen).toMatchObject({ reason: 'ended with code 7' });
    expect(seen.starts).toBeGreaterThanOrEqual(3);
    expect(seen.starts).toBeLessThanOrEqual(5);
  });
});

describe('a unit of systemd', () => {
  it('is watched, started when systemd has given up on it, adopted, and killed before a restart', async () => {
    const seen = await scenario<{ ms: number }>('underSystemd');
    expect(seen).toMatchObject({
      distinct: 4,
      adopted: { kind: 'running', adopted: true, pid: true },
      sleepers: 0,
      words: [
        'start program.service',
        'reload program.service',
        'reset-failed program.service',
        'start program.service',
        'start program.service',
        'kill --signal=SIGKILL program.service',
        'restart program.service',
        'stop program.service',
        '',
      ],
    });
    expect(seen.ms).toBeLessThan(300);
  });
});

describe('run', () => {
  it('gives back what a program said, and why it failed', async () => {
    expect(await scenario('commands')).toEqual({
      echo: { code: 0, stdout: 'hello', stderr: '' },
      failing: { code: 3, stdout: '', stderr: 'no\n' },
      slow: { code: -1, stdout: '', stderr: 'sleep did not end within 100 ms and was killed' },
      missing: { code: -1, stdout: '', stderr: expect.stringContaining('/run/nothing-here cannot be run') },
      flock: true,
    });
  });
});
