import { readEnrolment } from '@fairlead/certs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POOL, runLine, SHOWN, startFakeSite } from './testing/fake-site.ts';
import type { FakeSite } from './testing/fake-site.ts';
import { startSecureSite } from './testing/secure-site.ts';
import type { SecureSite } from './testing/secure-site.ts';

const HOUR = 3_600_000;

let site: FakeSite;
let secure: SecureSite;
beforeAll(async () => {
  site = await startFakeSite();
  Object.assign(site, { show: SHOWN, resources: [POOL] });
  secure = await startSecureSite(site);
});
afterAll(async () => {
  await secure.stop();
  await site.stop();
});

/** Environment of somebody who has never logged in. */
function newcomer(name: string) {
  return { HOME: join(site.directory, name) };
}

test('a join token makes an operator, whose key and configuration nobody else can read', async () => {
  const environment = newcomer('alice');
  const { code, out, err } = await runLine(
    'login',
    { input: `${secure.token('operator', 'alice')}\n`, now: Date.now() },
    environment,
  );
  const directory = join(environment.HOME, '.config', 'fairlead');
  expect([code, out]).toEqual([0, '']);
  expect(err).toMatch(/^Logged in to site lab as alice, for 1h and .+\(.*config\.yaml\)\.\n$/);
  expect((await stat(join(directory, 'config.yaml'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'pki', 'cloudagent.key'))).mode & 0o777).toBe(0o600);
  expect((await runLine('get vp -o name', {}, environment)).out).toBe('vippool.fairlead.dev/default\n');
});

test('a token that was used is refused with what to do, and what was there stays', async () => {
  const environment = newcomer('bob');
  const token = secure.token('operator', 'bob');
  await runLine('login', { input: token }, environment);
  expect(await runLine('login', { input: token }, environment)).toMatchObject({
    code: 1,
    err: 'error: this join token was used already\n',
  });
  expect((await runLine('get vp -o name', {}, environment)).code).toBe(0);
});

test('a token of a machine is not spent here', async () => {
  const environment = newcomer('carol');
  const { code, err } = await runLine('login', { input: secure.token('lbagent', 'lb-1') }, environment);
  expect([code, err]).toEqual([2, 'error: this token is for lbagent lb-1, not for an operator: use it there\n']);
  await expect(readdir(environment.HOME)).rejects.toThrow('ENOENT');
});

test('a certificate past most of its life is renewed by the next command, once, and used', async () => {
  const environment = newcomer('dave');
  await runLine('login', { input: secure.token('operator', 'alice') }, environment);
  const pki = join(environment.HOME, '.config', 'fairlead', 'pki');
  const keyAfter = async (now: number) => {
    expect((await runLine('get vp -o name', { now }, environment)).out).toBe('vippool.fairlead.dev/default\n');
    return (await readEnrolment(pki))?.material.privateKey;
  };
  const first = (await readEnrolment(pki))?.material.privateKey;
  expect(await keyAfter(Date.now() + 0.55 * HOUR)).toBe(first);
  const second = await keyAfter(Date.now() + 0.75 * HOUR);
  expect(second).not.toBe(first);
  expect(await keyAfter(Date.now())).toBe(second);
});
