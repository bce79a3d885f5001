import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MACHINES, SHOWN, startFakeSite } from './testing/fake-site.ts';
import type { FakeSite } from './testing/fake-site.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const execute = promisify(execFile);

let site: FakeSite;
beforeAll(async () => {
  site = await startFakeSite();
  Object.assign(site, { show: SHOWN, resources: MACHINES });
});
afterAll(async () => await site.stop());

/** Runs a script of bash in which `fairlead` is this program. */
async function bash(script: string): Promise<string> {
  const define = `fairlead() { "${process.execPath}" "${MAIN}" --socket "${site.socket}" "$@"; }`;
  return (await execute('bash', ['-c', `${define}\n${script}`])).stdout;
}

test('the process ends with the code that is documented, and says why on standard error', async () => {
  const failed = await execute(process.execPath, [MAIN, 'get', 'pods']).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('there is no kind "pods"') });
});

test('as a plugin of kubectl it calls itself so', async () => {
  const plugin = join(site.directory, 'kubectl-fairlead');
  await symlink(MAIN, plugin);
  expect((await execute(process.execPath, [plugin, '--help'])).stdout).toContain(
    'Usage: kubectl fairlead [options] <command>',
  );
});

test('a reader that goes away early is no error', async () => {
  expect(
    await bash(
      'set -o pipefail; for i in 1 2 3; do fairlead get machines -o name | head -n 1; done; fairlead --help | true; echo "${PIPESTATUS[0]}"',
    ),
  ).toBe(`${'machine.fairlead.dev/lb-1\n'.repeat(3)}0\n`);
});

test('an interrupted watch closes its connection and ends with 130', async () => {
  site.watch = async function* watch({ signal }) {
    yield { upserted: MACHINES[0]! };
    yield { initialStateSent: {} };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  };
  const child = spawn(process.execPath, [MAIN, '--socket', site.socket, 'get', 'machines', '-w', '-o', 'name']);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([130, null]);
});

test('bash completes commands, kinds and names', async () => {
  const complete = (...words: string[]) =>
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _fairlead 2>/dev/null; echo "\${COMPREPLY[@]}"`;
  const script = [
    'source <(fairlead completion bash)',
    complete('fairlead', 'ge'),
    complete('fairlead', 'get', 'mach'),
    complete('fairlead', 'get', 'ma', ''),
  ];
  expect(await bash(script.join('\n'))).toBe('get\nmachines\nlb-1 lb-2\n');
});
