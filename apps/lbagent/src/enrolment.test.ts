import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { awaitEnrolment, join } from './enrolment.ts';
import { enrolAs } from './testing/enrolment.fixture.ts';

let pkiDir: string;
beforeEach(() => {
  pkiDir = mkdtempSync(joinPath(tmpdir(), 'lbagent-pki-'));
});
afterEach(() => rmSync(pkiDir, { recursive: true }));

it('a certificate that is there is taken', async () => {
  await enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-1' }, pkiDir);
  const { signal } = new AbortController();
  const enrolment = await awaitEnrolment({ name: 'lb-1', pkiDir, signal }, () => undefined);
  expect(enrolment?.identity.name).toBe('lb-1');
});

it.each<[string, () => Promise<void>, string]>([
  ['no certificate', async () => {}, 'fairlead machines add lb-1'],
  [
    "somebody else's certificate",
    () => enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-2' }, pkiDir),
    'is for fairlead://lab/lbagent/lb-2',
  ],
])('with %s it says what to do, and waits', async (_, prepare, text) => {
  await prepare();
  const stopping = new AbortController();
  const told: string[] = [];
  const enrolment = await awaitEnrolment({ name: 'lb-1', pkiDir, signal: stopping.signal }, (why) => {
    told.push(why);
    stopping.abort();
  });
  expect(enrolment).toBeUndefined();
  expect(told.join()).toContain(text);
});

it('what is not a token is refused before anybody is asked', async () => {
  expect(await join('hello', pkiDir)).toContain('not a join token');
});
