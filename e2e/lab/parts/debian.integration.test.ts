import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { must } from '../command.ts';
import { cacheDirectory, ensureParts } from '../parts.ts';
import { fetchPackages } from './debian.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'parts-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a package is fetched, unpacked and runs, and nothing else is left', async () => {
  const cache = temporary();
  const target = join(cache, 'made');
  await fetchPackages(['arping'], target, () => undefined);
  expect(await must([join(target, 'bin/arping'), '--help'])).toContain('ARPing');
  expect(readdirSync(cache)).toEqual(['made']);
  expect(readdirSync(target).sort()).toEqual(['bin', 'root']);
});

test('what cannot be fetched leaves nothing, and says why', async () => {
  const cache = temporary();
  const fetching = fetchPackages(['no-such-package-here'], join(cache, 'made'), () => undefined);
  await expect(fetching).rejects.toThrow(/Unable to locate package no-such-package-here/);
  expect(readdirSync(cache)).toEqual([]);
});

test('once there, the parts cost no look at the network and say nothing', async () => {
  await ensureParts();
  const said: string[] = [];
  const { bin } = await ensureParts({ onProgress: (sentence) => said.push(sentence) });
  expect(said).toEqual([]);
  for (const directory of bin.split(':')) expect(existsSync(directory)).toBe(true);
});

test.each([
  [{ XDG_CACHE_HOME: '/x', HOME: '/h' }, '/x/fairlead'],
  [{ XDG_CACHE_HOME: '', HOME: '/h' }, '/h/.cache/fairlead'],
])('with %j the cache is %s', (environment, directory) => {
  expect(cacheDirectory(environment)).toBe(directory);
});
