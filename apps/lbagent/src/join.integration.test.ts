import { decodeJoinToken, encodeJoinToken, type JoinToken } from '@fairlead/certs';
import { CertificatesService, createClient, openChannel } from '@fairlead/rpc';
import { asOrdinaryUser, nodeCommand, type Program, runProgram, smallDisk } from '@fairlead/testing';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

/** `lbagent join` with a token that does not do, and where it cannot be kept; a real cloudagent on loopback. */
const LBAGENT = nodeCommand(join(import.meta.dirname, 'main.ts'));
const CLOUDAGENT = nodeCommand(join(import.meta.dirname, '../../cloudagent/src/main.ts'));

let directory: string;
let ports: readonly number[];
let cloudagent: Program;
const at = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-join-'));
  ports = [await freePort(), await freePort()];
  cloudagent = await startCloudagent();
});
afterAll(async () => {
  cloudagent?.signal('SIGKILL');
  await cloudagent?.ended;
  rmSync(directory, { recursive: true, force: true });
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function startCloudagent(): Promise<Program> {
  const flags = {
    'site-name': 'lab',
    'state-dir': at('state'),
    'identity-dir': at('identity'),
    listen: `127.0.0.1:${ports[0]}`,
    'join-listen': `127.0.0.1:${ports[1]}`,
    'metrics-listen': '127.0.0.1:0',
    'admin-socket': at('admin.sock'),
  };
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const program = runProgram([...CLOUDAGENT, ...argv]);
  await vi.waitFor(() => expect(program.output()).toContain('"msg":"started"'), { timeout: 20_000, interval: 20 });
  return program;
}

async function makeToken(kind = 'lbagent', name = 'lb-1', lifetimeSeconds = 0): Promise<string> {
  const channel = openChannel(`unix:${at('admin.sock')}`, undefined);
  try {
    return (await createClient(CertificatesService, channel).createJoinToken({ kind, name, lifetimeSeconds })).token;
  } finally {
    channel.close();
  }
}

async function changed(change: (token: JoinToken) => Partial<JoinToken>): Promise<string> {
  const decoded = decodeJoinToken(await makeToken());
  if (!('token' in decoded)) throw new Error(decoded.refused);
  return encodeJoinToken({ ...decoded.token, ...change(decoded.token) });
}

interface Joined {
  readonly code: number | null;
  readonly said: string;
}

async function joins(token: string, pkiDir: string, inside: readonly string[] = []): Promise<Joined> {
  const argv = [...inside, ...LBAGENT, 'join', '--pki-dir', pkiDir] as unknown as [string, ...string[]];
  const program = runProgram(argv, { input: token });
  const code = await program.ended;
  return { code, said: program.output() };
}

it.each<[string, () => Promise<string>, RegExp]>([
  ['is none', async () => 'hello', /^lbagent: this is not a join token: one begins with "fairlead1\."; make one/],
  [
    'is cut off',
    async () => (await makeToken()).slice(0, -20),
    /^lbagent: the join token is damaged: copy it again, whole/,
  ],
  [
    'is of a controller',
    () => makeToken('controller', 'prod'),
    /^lbagent: this token is for controller prod: get one from `fairlead machines add NAME`$/,
  ],
  [
    'was made for another name',
    () => changed(() => ({ name: 'lb-2' })),
    /^lbagent: this join token was not made for lbagent\/lb-2: make a new one with/,
  ],
  [
    'nobody made',
    () => changed(({ id }) => ({ id: id.replace(/./, (digit) => (digit === '0' ? '1' : '0')) })),
    /^lbagent: this join token is not known here: make a new one with/,
  ],
  [
    'is of another site',
    () => changed(() => ({ site: 'other' })),
    /^lbagent: the cloudagent at 127\.0\.0\.1:\d+ is not the one that is trusted here: make a new join token/,
  ],
  [
    'has expired',
    async () => {
      const token = await makeToken('lbagent', 'lb-1', 1);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      return token;
    },
    /^lbagent: this join token expired at \S+: make a new one with/,
  ],
  [
    'was used',
    async () => {
      const token = await makeToken();
      expect(await joins(token, at('first'))).toEqual({ code: 0, said: expect.not.stringContaining('lbagent: ') });
      return token;
    },
    /^lbagent: this join token was used already: make a new one with/,
  ],
])(
  'a token that %s is refused in one sentence, without the token, and leaves nothing',
  async (_what, make, sentence) => {
    const token = await make();
    const { code, said } = await joins(token, at('pki'));
    expect([code, said.trim().split('\n')]).toEqual([1, [expect.stringMatching(sentence)]]);
    expect(said).not.toContain(token.length > 60 ? token.slice(20, 60) : token);
    expect(existsSync(at('pki/current'))).toBe(false);
  },
);

it.each<[string, string, RegExp]>([
  [
    'there is no route to the cloudagent',
    '192.0.2.1:7421',
    /^lbagent: the cloudagent at 192\.0\.2\.1:7421 cannot be reached: see that it is up, and that routes and firewalls/,
  ],
  [
    'its name cannot be resolved',
    'cloudagent.invalid:7421',
    /^lbagent: the cloudagent at cloudagent\.invalid:7421 has a name that cannot be resolved: correct it/,
  ],
])(
  'when %s that is told, and the same token is good on a machine with a way to it',
  async (_what, address, sentence) => {
    const token = await makeToken();
    const { token: facts } = decodeJoinToken(token) as { token: JoinToken };
    const elsewhere = encodeJoinToken({ ...facts, join: address });
    const { code, said } = await joins(elsewhere, at('lost'), ['unshare', '--user', '--map-root-user', '--net']);
    expect([code, said.trim().split('\n')]).toEqual([1, [expect.stringMatching(sentence)]]);
    expect((await joins(token, at('lost'))).code).toBe(0);
  },
);

it('where a certificate cannot be kept none is asked for, and the same token is good once it can', async () => {
  const token = await makeToken();
  mkdirSync(at('small'));
  const disk = await smallDisk(at('small'), 256);
  try {
    disk.fill();
    const full = await joins(token, at('small'), disk.inside);
    expect(full).toEqual({
      code: 1,
      said: expect.stringMatching(/^lbagent: there is no room left for \S+\/small\S*: make room/),
    });
    disk.free();
    disk.setReadOnly(true);
    const readOnly = await joins(token, at('small'), disk.inside);
    expect(readOnly).toEqual({
      code: 1,
      said: expect.stringMatching(/^lbagent: \S+\/small\S* is on a file system that is mounted read-only/),
    });
    disk.setReadOnly(false);
    mkdirSync(at('foreign'), { mode: 0o500 });
    const foreign = await joins(token, at('foreign'), asOrdinaryUser());
    expect(foreign).toEqual({
      code: 1,
      said: expect.stringMatching(/^lbagent: this user may not open \S+: correct owner/),
    });
    chmodSync(at('foreign'), 0o700);
    expect((await joins(token, at('small'), disk.inside)).code).toBe(0);
  } finally {
    await disk.remove();
  }
});

it('a cloudagent that is away for a moment is waited for; one that stays away is named', async () => {
  const token = await makeToken();
  cloudagent.signal('SIGKILL');
  await cloudagent.ended;
  const away = joins(token, at('late'));
  const { code, said } = await away;
  expect([code, said]).toEqual([
    1,
    expect.stringMatching(
      /^lbagent: the cloudagent at 127\.0\.0\.1:\d+ refuses connections: see that it runs, and that/,
    ),
  ]);
  const waiting = joins(token, at('late'));
  cloudagent = await startCloudagent();
  expect((await waiting).code).toBe(0);
});
