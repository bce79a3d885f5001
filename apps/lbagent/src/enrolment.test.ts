import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import {
  certificatesToPem,
  createAuthority,
  type EnrolledIdentity,
  issueLeaf,
  makeKeyPair,
  privateKeyToPem,
  writeEnrolment,
} from '@fairlead/certs';
import { createLogger } from '@fairlead/telemetry';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { awaitEnrolment, join } from './enrolment.ts';

const log = createLogger({ component: 'test', level: 'silent' });
let pkiDir: string;
beforeEach(() => {
  pkiDir = mkdtempSync(joinPath(tmpdir(), 'lbagent-pki-'));
});
afterEach(() => rmSync(pkiDir, { recursive: true }));

async function enrolAs(identity: EnrolledIdentity): Promise<void> {
  const authority = await createAuthority('lab', Date.now());
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: 60_000, now: Date.now() });
  const material = {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
  await writeEnrolment(pkiDir, { identity, material, join: '10.0.0.1:7421', control: '10.0.0.1:7420' });
}

it('a certificate that is there is taken', async () => {
  await enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-1' });
  const { signal } = new AbortController();
  const enrolment = await awaitEnrolment({ name: 'lb-1', pkiDir, log, signal }, () => undefined);
  expect(enrolment?.identity.name).toBe('lb-1');
});

it.each<[string, () => Promise<void>, string]>([
  ['no certificate', async () => {}, 'fairlead machines add lb-1'],
  [
    "somebody else's certificate",
    () => enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-2' }),
    'is for fairlead://lab/lbagent/lb-2',
  ],
])('with %s it says what to do, and waits', async (_, prepare, text) => {
  await prepare();
  const stopping = new AbortController();
  const told: string[] = [];
  const enrolment = await awaitEnrolment({ name: 'lb-1', pkiDir, log, signal: stopping.signal }, (why) => {
    told.push(why);
    stopping.abort();
  });
  expect(enrolment).toBeUndefined();
  expect(told.join()).toContain(text);
});

it('what is not a token is refused before anybody is asked', async () => {
  expect(await join('hello', pkiDir)).toContain('not a join token');
});
