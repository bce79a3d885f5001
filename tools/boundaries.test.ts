import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { findViolations } from './boundaries.ts';

const planted: string[] = [];
afterEach(() => {
  for (const root of planted.splice(0)) rmSync(root, { recursive: true });
});

function plant(file: string, text: string): string[] {
  const root = mkdtempSync(join(tmpdir(), 'boundaries-'));
  planted.push(root);
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
  return findViolations(root);
}

it('finds nothing in this repository', () => {
  expect(findViolations(resolve(import.meta.dirname, '..'))).toEqual([]);
});

it('refuses a library that imports an app', () => {
  expect(plant('libs/rpc/src/x.ts', `import { plan } from '../../../apps/cloudagent/src/plan.ts';`)).toEqual([
    expect.stringContaining('libs/rpc may import only'),
  ]);
});

it('refuses an app that imports another app', () => {
  expect(plant('apps/cli/src/x.ts', `import { plan } from '@fairlead/cloudagent';`)).toHaveLength(1);
});

it('refuses the model when it imports another library', () => {
  expect(plant('libs/model/src/x.ts', `import { assign } from '@fairlead/ipam';`)).toEqual([
    expect.stringContaining('nothing of ours'),
  ]);
});

it('refuses Kubernetes outside the controller', () => {
  expect(plant('apps/cloudagent/src/x.ts', `import { Watch } from '@kubernetes/client-node';`)).toEqual([
    expect.stringContaining('only apps/controller'),
  ]);
});

it.each([
  ['a file system', `import { readFileSync } from 'node:fs';`],
  ['a clock', `export const now = () => Date.now();`],
  ['randomness', `export const dice = () => Math.random();`],
  ['the environment', `export const home = () => process.env['HOME'];`],
])('refuses %s in a pure file', (_what, text) => {
  expect(plant('apps/cloudagent/src/plan.ts', text)).toEqual([expect.stringContaining('is pure and')]);
});

it('refuses a folder that has no rule', () => {
  expect(plant('libs/new/src/x.ts', `export {};`)).toEqual([expect.stringContaining('has no line')]);
});
