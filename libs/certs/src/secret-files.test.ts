import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from './authority-directory.ts';
import { enrolmentVersion, readEnrolment, writeEnrolment } from './pki-directory.ts';
import { podAccess, secretFiles, type PodAccess } from './secret-files.ts';
import { materialOf } from './testing.ts';

/** An API server that knows one Secret, and answers with `refuse` first as long as there is one. */
let secret: { metadata: { resourceVersion: string }; data?: Record<string, string> } | undefined;
let refuse: { status: number; times: number };
let asked: { method: string | undefined; url: string | undefined; authorization: string | undefined }[];
let server: Server;
let scratch: string;
let access: PodAccess;

beforeEach(async () => {
  secret = { metadata: { resourceVersion: '1' } };
  refuse = { status: 0, times: 0 };
  asked = [];
  scratch = mkdtempSync(join(tmpdir(), 'fairlead-secret-'));
  mkdirSync(join(scratch, 'account'));
  writeFileSync(join(scratch, 'account', 'namespace'), 'fairlead-system\n');
  writeFileSync(join(scratch, 'account', 'token'), 'first\n');
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  access = { server: new URL(`http://127.0.0.1:${port}`), account: join(scratch, 'account') };
});
afterEach(() => {
  server.close();
  rmSync(scratch, { recursive: true });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  asked.push({ method, url, authorization: headers.authorization });
  const [status, body] = respond(method, await text(request));
  response.writeHead(status).end(JSON.stringify(body));
}

function respond(method: string | undefined, body: string): [number, unknown] {
  if (refuse.times-- > 0) return [refuse.status, { message: 'as the test wants' }];
  if (secret === undefined) return [404, { message: 'not found' }];
  if (method === 'PATCH') {
    const patch = JSON.parse(body) as { metadata: { resourceVersion: string }; data: Record<string, string> };
    if (patch.metadata.resourceVersion !== secret.metadata.resourceVersion) return [409, { message: 'conflict' }];
    touch({ ...secret.data, ...patch.data });
  }
  return [200, secret];
}

function touch(data: Record<string, string> | undefined): void {
  const resourceVersion = `${Number(secret?.metadata.resourceVersion) + 1}`;
  secret = { metadata: { resourceVersion }, ...(data && { data }) };
}

const open = (mounted?: string) => secretFiles(access, 'ca', mounted);
const file = (name: string, content: string) => ({ name, content, secret: true });
const textOf = (value: Record<string, Buffer> | undefined) =>
  value && Object.fromEntries(Object.entries(value).map(([name, content]) => [name, content.toString()]));

describe('files in a Secret', () => {
  it('are not there at first, then as they were written, beside what else is in it', async () => {
    touch({ other: 'bWluZQ==' });
    const files = open();
    expect(await files.read(['a', 'b'])).toBeUndefined();
    await files.write([file('a', 'one'), file('b', 'two')]);
    expect(textOf(await open().read(['a', 'b']))).toEqual({ a: 'one', b: 'two' });
    expect(secret?.data).toMatchObject({ other: 'bWluZQ==' });
    expect(asked[0]).toEqual({
      method: 'GET',
      url: '/api/v1/namespaces/fairlead-system/secrets/ca',
      authorization: 'Bearer first',
    });
  });

  it('change their version with every write, and have none while the Secret is empty', async () => {
    const files = open();
    expect(await files.version()).toBeUndefined();
    await files.write([file('a', 'one')]);
    const first = await files.version();
    await files.write([file('a', 'two')]);
    expect(first).toBeDefined();
    expect(await files.version()).not.toBe(first);
  });

  it('are asked for with the token that the kubelet put there last', async () => {
    const files = open();
    await files.version();
    writeFileSync(join(scratch, 'account', 'token'), 'second');
    await files.version();
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  it('are not written over those of somebody else who was quicker', async () => {
    const [mine, theirs] = [open(), open()];
    await mine.read(['a']);
    await theirs.write([file('a', 'theirs')]);
    await expect(mine.write([file('a', 'mine')])).rejects.toThrow('was written by somebody else');
    expect(textOf(await mine.read(['a']))).toEqual({ a: 'theirs' });
  });

  it('are written although something else of the Secret changed meanwhile', async () => {
    const files = open();
    await files.read(['a']);
    touch({ other: 'eA==' });
    await files.write([file('a', 'mine')]);
    expect(textOf(await files.read(['a', 'other']))).toEqual({ a: 'mine', other: 'x' });
  });

  it('are written although the API server is silent for a moment', async () => {
    const files = open();
    await files.read(['a']);
    refuse = { status: 503, times: 1 };
    await files.write([file('a', 'mine')]);
    expect(textOf(await files.read(['a']))).toEqual({ a: 'mine' });
  });

  it('are read where they are mounted while the API server is silent', async () => {
    const mounted = join(scratch, 'mounted');
    mkdirSync(mounted);
    writeFileSync(join(mounted, 'a'), 'mounted');
    refuse = { status: 500, times: Infinity };
    expect(textOf(await open(mounted).read(['a']))).toEqual({ a: 'mounted' });
    await expect(open(mounted).read(['a', 'b'])).rejects.toThrow('cannot answer for Secret fairlead-system/ca');
    server.close();
    server.closeAllConnections();
    expect(textOf(await open(mounted).read(['a']))).toEqual({ a: 'mounted' });
    await expect(open().read(['a'])).rejects.toThrow(/does not answer/);
  });

  it.each([
    [403, /may not use Secret fairlead-system\/ca: give it the verbs get and patch/],
    [401, /does not let Secret fairlead-system\/ca be used: status 401, as the test wants/],
  ])('say what to do when the API server answers %i', async (status, message) => {
    refuse = { status, times: 1 };
    await expect(open('/nowhere').read(['a'])).rejects.toThrow(message);
  });

  it('say what to do when there is no Secret, or no Pod', async () => {
    secret = undefined;
    await expect(open().read(['a'])).rejects.toThrow(/there is no Secret fairlead-system\/ca: make an empty one/);
    expect(() => podAccess({})).toThrow(/only in a Pod/);
    expect(() => secretFiles({ ...access, account: '/nowhere' }, 'ca')).toThrow(/let its token be mounted/);
  });

  it('reach an API server by an IPv6 address too', () => {
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    expect(podAccess(environment).server.href).toBe('https://[fd00::1]/');
  });
});

describe('in a Secret', () => {
  it('an authority is made once, and the next start finds it', async () => {
    const made = await openAuthority(open(), { site: 'lab', now: Date.now() });
    const found = await openAuthority(open(), { site: 'lab', now: Date.now() });
    expect(found.root.certificate).toEqual(made.root.certificate);
    await expect(openAuthority(open(), { site: 'other', now: Date.now() })).rejects.toThrow(
      /holds the identity of site "lab"/,
    );
  });

  it('half an authority is refused, and nothing is written over it', async () => {
    await openAuthority(open(), { site: 'lab', now: Date.now() });
    const { 'root.key': _lost, ...rest } = secret?.data ?? {};
    touch(rest);
    await expect(openAuthority(open(), { site: 'lab', now: Date.now() })).rejects.toThrow(
      /has lost root\.key, .*restore/,
    );
    expect(secret?.data).toEqual(rest);
  });

  it('an authority that was lost is put back by whoever still knows it', async () => {
    const known = await openAuthority(open(), { site: 'lab', now: Date.now() });
    touch(undefined);
    await openAuthority(open(), { site: 'lab', now: Date.now(), known });
    const found = await openAuthority(open(), { site: 'lab', now: Date.now() });
    expect(found.root.certificate).toEqual(known.root.certificate);
  });

  it('an enrolment is kept whole', async () => {
    const authority = await openAuthority(join(scratch, 'authority'), { site: 'lab', now: Date.now() });
    const identity = { kind: 'controller', site: 'lab', name: 'prod' } as const;
    const enrolment = { identity, material: await materialOf(authority, identity), join: 'a:1', control: 'a:2' };
    expect(await readEnrolment(open())).toBeUndefined();
    expect(await enrolmentVersion(open())).toBeUndefined();
    await writeEnrolment(open(), enrolment);
    expect(await readEnrolment(open())).toEqual(enrolment);
    expect(await enrolmentVersion(open())).toBeDefined();
  });
});
