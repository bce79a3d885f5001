import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runLine } from '../testing/fake-site.ts';
import type { FakeSite } from '../testing/fake-site.ts';
import { withFakeSite, writeSiteFile } from '../testing/with-fake-site.ts';

let site: FakeSite;
withFakeSite((started) => {
  site = started;
});

test('version asks the cloudagent too, unless told not to', async () => {
  expect((await site.run('version')).out).toMatch(/^Client Version: \d+\.\d+\.\d+\nServer Version: 9\.9\.9\n$/);
  expect((await runLine('version --client')).out).toMatch(/^Client Version: [\d.]+\n$/);
});

describe('completion', () => {
  test.each([
    ['', 'apply'],
    ['get ', 'vippools'],
    ['delete ', 'machines'],
    ['get machine ', 'lb-2'],
    ['get machine --out', '--output'],
    ['get machine lb-1 -o ', 'wide'],
    ['machines ', 'add'],
    ['completion ', 'zsh'],
    ['tokens create operator alice --role ', 'admin'],
  ])('%j may go on with %s', async (words, candidate) => {
    const { out } = await site.run(`__complete -- ${words}`);
    expect(out.split('\n')).toContain(candidate);
  });

  test('a site that does not answer has no names, and that is no error', async () => {
    expect(await runLine('--socket /nowhere __complete -- get machine ')).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('when something is wrong', () => {
  test('an unknown command suggests the one that was meant', async () => {
    const { code, err } = await site.run('shw');
    expect([code, err]).toEqual([
      2,
      "error: unknown command 'shw'\n(Did you mean show?)\nRun `fairlead --help` for what there is.\n",
    ]);
  });

  test('an unknown kind lists those there are', async () => {
    expect(await site.run('get pods')).toMatchObject({ code: 2, err: expect.stringContaining('vippools (vp)') });
  });

  test('nobody logged in, no such socket, and nobody listening are told apart, with code 3', async () => {
    const environment = { FAIRLEAD_CONFIG: join(site.directory, 'none.yaml') };
    expect(await runLine('show', {}, environment)).toEqual({
      code: 3,
      out: '',
      err: `error: nobody is logged in (no ${site.directory}/none.yaml): run \`fairlead login\`, or use --socket PATH on the cloudagent's machine\n`,
    });
    expect(await runLine('--socket /nowhere show')).toMatchObject({
      code: 3,
      err: 'error: there is no socket /nowhere: is the cloudagent running on this machine?\n',
    });
    const dead = await writeSiteFile(site, 'dead.sock', '');
    const { code, err } = await runLine(`--socket ${dead} --request-timeout 1s show`);
    expect([code, err]).toEqual([
      3,
      `error: the cloudagent at ${dead} refuses connections: see that it runs, and that it listens there\n`,
    ]);
  });

  test('a token for a machine, and what is no token at all, are refused before anybody is asked', async () => {
    const environment = { FAIRLEAD_CONFIG: join(site.directory, 'config.yaml') };
    expect(await runLine('login', { input: 'hello' }, environment)).toMatchObject({
      code: 2,
      err: expect.stringContaining('this is not a join token'),
    });
  });

  test('--help has examples, goes to standard output and ends with 0', async () => {
    const { code, out, err } = await runLine('apply --help');
    expect([code, out.includes('Examples:\n  fairlead apply -f site.yaml'), err]).toEqual([0, true, '']);
  });
});
