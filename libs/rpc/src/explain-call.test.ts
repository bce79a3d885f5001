import {
  certificatesToPem,
  createAuthority,
  encodeJoinToken,
  type Identity,
  issueLeaf,
  makeKeyPair,
  materialSource,
  newTokenSecret,
  privateKeyToPem,
  serverCredentials,
} from '@fairlead/certs';
import { createLogger } from '@fairlead/telemetry';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IdentityService } from './definitions.ts';
import { explainCall } from './explain-call.ts';
import { failure, RpcFailure } from './failure.ts';
import { enroller } from './identity-client.ts';
import { serve, startServer } from './server.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const day = 24 * 3_600_000;
const cloudagent: Identity = { kind: 'cloudagent', site: 'lab' };
let directory: string;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-explain-call-'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(directory, { recursive: true });
});

/** A join port as it was made at that time, and the root it has. */
async function joinPort(madeAt: number, identity = cloudagent): Promise<{ address: string; root: Uint8Array }> {
  const authority = await createAuthority('lab', madeAt);
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: day, now: madeAt });
  const source = materialSource({
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  });
  const never = () => Promise.reject(failure('INTERNAL', 'INTERNAL', 'nobody gets this far'));
  const server = await startServer({
    listen: '127.0.0.1:0',
    callers: 'anonymous',
    credentials: serverCredentials(source, 'anonymous'),
    authorise: () => undefined,
    services: [serve(IdentityService, { challenge: never, trustBundle: never, enrol: never, renew: never })],
    log,
  });
  cleanups.push(() => server.stop(0));
  return { address: `127.0.0.1:${server.port}`, root: authority.root.certificate };
}

/** What a machine that enrols there is told. */
async function told(address: string, rootCertificate: Uint8Array): Promise<string> {
  const token = { site: 'lab', kind: 'lbagent', name: 'lb-1', ...newTokenSecret() } as const;
  const text = encodeJoinToken({ ...token, join: address, control: address, rootCertificate });
  const error = await enroller(text, directory)().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  const sentence = explainCall(error, address, Date.now());
  expect(sentence).not.toContain(token.secret);
  return sentence;
}

it('nobody who listens is told apart', async () => {
  const { root } = await joinPort(Date.now());
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  expect(await told(`127.0.0.1:${port}`, root)).toBe(
    `the cloudagent at 127.0.0.1:${port} refuses connections: see that it runs, and that it listens there`,
  );
});

it.each<[string, number, RegExp]>([
  ['behind', Date.now() - 400 * day, /shows a certificate that has ended by the clock here, which says 2\S+: compare/],
  [
    'ahead',
    Date.now() + 400 * day,
    /shows a certificate that has not begun by the clock here, which says 2\S+: compare/,
  ],
])('clocks of which one is %s are to be compared', async (_which, madeAt, sentence) => {
  const { address, root } = await joinPort(madeAt);
  expect(await told(address, root)).toMatch(sentence);
});

it('somebody with another root is not the one that is trusted', async () => {
  const { address } = await joinPort(Date.now());
  const other = await joinPort(Date.now());
  expect(await told(address, other.root)).toMatch(/is not the one that is trusted here: make a new join token/);
});

it('somebody of the same site who is not the cloudagent is not either', async () => {
  const { address, root } = await joinPort(Date.now(), { kind: 'lbagent', site: 'lab', name: 'lb-2' });
  expect(await told(address, root)).toMatch(/is not the one that is trusted here: make a new join token/);
});

it.each<[string, unknown, string]>([
  [
    'one that does not answer',
    new RpcFailure('DEADLINE_EXCEEDED', {
      reason: 'DEADLINE_EXCEEDED',
      field: '',
      message: 'X was not answered within 9 ms',
    }),
    'the cloudagent at host:1 cannot be reached: see that it is up, and that routes and firewalls let this machine through',
  ],
  [
    'one that says itself what is wrong',
    new RpcFailure('UNAVAILABLE', { reason: 'STORE_NOT_WRITABLE', field: '', message: 'its disk is full: make room' }),
    'its disk is full: make room',
  ],
  [
    'a full disk here',
    Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', path: '/etc/pki' }),
    'there is no room left for /etc/pki: make room on its file system (space and inodes)',
  ],
])('%s is told', (_what, error, sentence) => {
  expect(explainCall(error, 'host:1', 0)).toBe(sentence);
});
