import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { configPath, parseConfig, readConfig, writeConfig } from './config.ts';

test('the flag goes before the environment, that before the home directory', () => {
  const environment = { FAIRLEAD_CONFIG: '/e.yaml', HOME: '/home/alice' };
  expect(configPath('/f.yaml', environment)).toBe('/f.yaml');
  expect(configPath(undefined, environment)).toBe('/e.yaml');
  expect(configPath(undefined, { HOME: '/home/alice' })).toBe('/home/alice/.config/fairlead/config.yaml');
  expect(configPath(undefined, { HOME: '/home/alice', XDG_CONFIG_HOME: '/x' })).toBe('/x/fairlead/config.yaml');
  expect(configPath(undefined, {})).toBeUndefined();
});

test('what was written is read back, by its owner alone, and paths are those beside the file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-config-'));
  onTestFinished(async () => await rm(directory, { recursive: true }));
  const path = join(directory, 'deep', 'config.yaml');
  await writeConfig(path, { site: 'lab', operator: 'alice', pkiDirectory: 'pki' });
  expect(await readConfig(path)).toEqual({
    site: 'lab',
    operator: 'alice',
    pkiDirectory: join(directory, 'deep', 'pki'),
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'deep'))).mode & 0o777).toBe(0o700);
  expect(await readConfig(join(directory, 'other.yaml'))).toBeUndefined();
});

test('everything that is wrong in it is told at once', () => {
  expect(() => parseConfig('socket: 5\nsite: ""\nkey: x\n', 'c.yaml')).toThrow(
    'c.yaml: socket must be text; site must be text; unknown field "key", known are site, operator, pkiDirectory, cloudagent, socket',
  );
  expect(() => parseConfig('site: lab', 'c.yaml')).toThrow('one of pkiDirectory and socket is needed');
  expect(() => parseConfig('- a', 'c.yaml')).toThrow('must be a group of fields');
  expect(() => parseConfig('a: [', 'c.yaml')).toThrow('c.yaml is not valid YAML');
});
