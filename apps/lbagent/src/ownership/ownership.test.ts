import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createOwnership } from './ownership.ts';
import type { Supervisor } from '../processes/types.ts';
import { CONFIG } from '../testing/example.ts';

/** A keepalived that is started `refusals` times in vain. */
function stubborn(refusals: number): Supervisor & { readonly starts: () => number } {
  let starts = 0;
  const nothing = () => Promise.resolve();
  return {
    name: 'keepalived',
    status: () => (starts > refusals ? { kind: 'running', pid: 1, adopted: false } : { kind: 'stopped' }),
    start: () => {
      starts += 1;
      return starts > refusals ? Promise.resolve() : Promise.reject(new Error('keepalived.service did not stay up'));
    },
    reload: nothing,
    stop: nothing,
    restart: nothing,
    subscribe: () => () => undefined,
    release: () => undefined,
    starts: () => starts,
  };
}

it('a keepalived that does not start is told of, stops nothing else, and is tried at each look', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ownership-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const keepalived = stubborn(2);
  const ownership = createOwnership(
    {
      paths: { config: join(directory, 'keepalived.conf'), directory, runDirectory: directory },
      programs: { ip: '/bin/true', flock: '/bin/true' },
      keepalived: '/bin/true',
      healthPort: 5001,
      scripts: 'keepalived',
      user: 'root',
    },
    keepalived,
  );
  const told = ['keepalived does not run as it should: keepalived.service did not stay up'];
  expect(await ownership.ensure(CONFIG, true)).toEqual(told);
  expect(await ownership.ensure(CONFIG, false)).toEqual(told);
  expect(keepalived.starts()).toBe(1);
  expect(await ownership.ensure(CONFIG, true)).toEqual(told);
  expect(await ownership.ensure(CONFIG, true)).toEqual([]);
  expect(keepalived.starts()).toBe(3);
});
