import {
  type Program,
  type SmallDisk,
  asOrdinaryUser,
  nodeCommand,
  runProgram,
  siteYaml,
  smallDisk,
} from '@fairlead/testing';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

/** What keeps a cloudagent from starting: told in one sentence, with the fix; and it starts once that is done. */
const COMMAND = nodeCommand(join(import.meta.dirname, 'main.ts'));

let directory: string;
let good: string;
let ports: { readonly control: number; readonly join: number; readonly metrics: number };
const running = new Set<Program>();
const cleanups: (() => Promise<unknown> | void)[] = [];
const at = (name: string): string => join(directory, name);

beforeAll(async () => {
  good = mkdtempSync(join(tmpdir(), 'fairlead-good-'));
  directory = good;
  ports = { control: await freePort(), join: await freePort(), metrics: await freePort() };
  await end(await started());
});
afterAll(() => rmSync(good, { recursive: true, force: true }));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-bad-'));
});
afterEach(async () => {
  for (const program of running) await end(program, 'SIGKILL');
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(directory, { recursive: true, force: true });
});

interface Start {
  /** Put before the command. */
  readonly inside?: readonly string[];
  readonly flags?: Readonly<Record<string, string>>;
}

function start({ inside = [], flags = {} }: Start = {}): Program {
  const all = {
    'site-name': 'test',
    'state-dir': at('state'),
    'identity-dir': at('identity'),
    listen: `127.0.0.1:${ports.control}`,
    'join-listen': `127.0.0.1:${ports.join}`,
    'metrics-listen': `127.0.0.1:${ports.metrics}`,
    'admin-socket': at('admin.sock'),
    ...flags,
  };
  const argv = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, value]);
  const program = runProgram([...inside, ...COMMAND, ...argv] as unknown as [string, ...string[]]);
  running.add(program);
  return program;
}

async function started(how: Start = {}): Promise<Program> {
  const program = start(how);
  await vi.waitFor(() => expect(program.output()).toContain('"msg":"started"'), { timeout: 15_000, interval: 20 });
  return program;
}

async function end(program: Program, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  program.signal(signal);
  await program.ended;
  running.delete(program);
}

/** What it says when it does not start: each line of standard error that is meant for a person. */
async function refusal(how: Start, code: number): Promise<string> {
  const program = start(how);
  expect([await program.ended, program.output()]).toEqual([code, expect.stringContaining('cloudagent: ')]);
  running.delete(program);
  expect(program.output()).not.toMatch(/\n {4}at |PRIVATE KEY|No address added/);
  const lines = program.output().split('\n');
  return lines
    .flatMap((line) => (line.startsWith('cloudagent: ') ? [line.slice('cloudagent: '.length)] : []))
    .join('\n');
}

/** A directory that a cloudagent has worked in before. */
function worked(): void {
  for (const name of readdirSync(good)) {
    cpSync(join(good, name), at(name), { recursive: true, verbatimSymlinks: true });
  }
}

function freePort(): Promise<number> {
  return taken(0).then(async ({ server, port }) => {
    await new Promise((resolve) => server.close(resolve));
    return port;
  });
}

function taken(port: number): Promise<{ server: Server; port: number }> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
  });
}

async function disk(name: string, kibibytes: number): Promise<SmallDisk> {
  mkdirSync(at(name), { recursive: true });
  const made = await smallDisk(at(name), kibibytes);
  cleanups.push(() => made.remove());
  return made;
}

describe('does not start, says why and what to do, and starts when that is done:', () => {
  it.each(['listen', 'join-listen', 'metrics-listen'] as const)('the port of --%s is taken', async (flag) => {
    const wanted = { listen: ports.control, 'join-listen': ports.join, 'metrics-listen': ports.metrics }[flag];
    const { server } = await taken(wanted);
    expect(await refusal({}, 1)).toBe(
      `--${flag}: 127.0.0.1:${wanted} is taken by another process (\`ss -lntp\` names it): end that one, or choose another port`,
    );
    await new Promise((resolve) => server.close(resolve));
    await started();
  });

  it('an address to listen on is not of this machine', async () => {
    expect(await refusal({ flags: { listen: '192.0.2.1:7420' } }, 1)).toMatch(
      /^--listen: 192\.0\.2\.1 is not an address of this machine.*: choose one that is/,
    );
  });

  it.each(['state', 'identity'])('the disk of the %s directory is full', async (name) => {
    const small = await disk(name, 256);
    small.fill();
    expect(await refusal(small, 1)).toMatch(
      new RegExp(`(there is no room left for|nothing can be stored in) ${at(name)}/.*make room`),
    );
    small.free();
    await started(small);
  });

  it.each(['state', 'identity'])('the %s directory is read-only', async (name) => {
    const small = await disk(name, 256);
    small.setReadOnly(true);
    expect(await refusal(small, 1)).toMatch(
      new RegExp(`^${at(name)}\\S* is on a file system that is mounted read-only: mount it`),
    );
    small.setReadOnly(false);
    await started(small);
  });

  it.each(['state', 'identity'])('the %s directory belongs to somebody else', async (name) => {
    mkdirSync(at(name), { mode: 0o000 });
    expect(await refusal({ inside: asOrdinaryUser() }, 1)).toMatch(
      new RegExp(`^this user may not (open|read|write) ${at(name)}\\S*: correct owner and mode`),
    );
    chmodSync(at(name), 0o700);
    await started({ inside: asOrdinaryUser() });
  });

  it.each(['state', 'identity'])('a file is where the %s directory should be', async (name) => {
    writeFileSync(at(name), '');
    expect(await refusal({}, 1)).toMatch(new RegExp(`^${at(name)}\\S* is in the way.*: move it away`));
    rmSync(at(name));
    await started();
  });

  it.each<[string, () => void, () => void, RegExp]>([
    [
      'something else is where the admin socket should be',
      () => writeFileSync(at('admin.sock'), 'a letter'),
      () => rmSync(at('admin.sock')),
      /^--admin-socket: \S+admin\.sock is there and no socket: move it away/,
    ],
    [
      'a directory is where the admin socket should be',
      () => mkdirSync(at('admin.sock')),
      () => rmSync(at('admin.sock'), { recursive: true }),
      /^--admin-socket: \S+admin\.sock is there and no socket: move it away/,
    ],
  ])('%s', async (_what, spoil, mend, sentence) => {
    spoil();
    expect(await refusal({}, 1)).toMatch(sentence);
    mend();
    await started();
  });

  it('the directory of the admin socket may not be written', async () => {
    mkdirSync(at('run'), { mode: 0o500 });
    const how = { inside: asOrdinaryUser(), flags: { 'admin-socket': at('run/admin.sock') } };
    expect(await refusal(how, 1)).toMatch(/^--admin-socket: this user may not write \S+: correct owner and mode/);
    chmodSync(at('run'), 0o700);
    await started(how);
  });

  it('the path of the admin socket is too long', async () => {
    const flags = { 'admin-socket': at('x'.repeat(100)) };
    expect(await refusal({ flags }, 1)).toMatch(/^--admin-socket: \S+ is too long for a socket: choose a path of/);
  });
});

describe('with what it had before it does not start, says why, and starts when that is restored:', () => {
  beforeEach(worked);

  const identity = (name: string): string => at(`identity/current/${name}`);
  const store = (): string => at('state/cloudagent.db');

  it.each<[string, () => string, (path: string) => void, RegExp]>([
    ['a key was cut off', () => identity('root.key'), cut, /^\S+\/root\.key is damaged: restore all of it/],
    ['a certificate was cut off', () => identity('issuing.crt'), cut, /^\S+\/issuing\.crt is damaged: restore all/],
    ['a key was lost', () => identity('root.key'), (path) => rmSync(path), /has lost root\.key, .*: restore all/],
    [
      'a key is that of another certificate',
      () => identity('issuing.key'),
      (path) => writeFileSync(path, readFileSync(identity('root.key'))),
      /^\S+\/issuing\.key is not the key of issuing\.crt: restore all of it/,
    ],
    [
      'the store was cut off',
      store,
      (path) => truncateSync(path, 5_000),
      /^\S+ is damaged \(.*: put a backup in its place/,
    ],
    [
      'the store is none',
      store,
      (path) => writeFileSync(path, 'a letter'.repeat(1_000)),
      /^\S+ is damaged \(.*put a backup/,
    ],
    ['the store is of another program', store, foreign, /not a store of Fairlead: give --state-dir a directory/],
    ['the store was written by a newer version', store, newer, /written by a newer cloudagent .*: start that version/],
    ['a record of the store makes no sense', store, garble, /record counters cannot be read .*: start the version/],
  ])('%s', async (_what, file, spoil, sentence) => {
    const before = readFileSync(file());
    spoil(file());
    expect(await refusal({}, file === store ? 2 : 1)).toMatch(sentence);
    for (const log of ['-wal', '-shm']) rmSync(`${store()}${log}`, { force: true });
    writeFileSync(file(), before);
    await started();
  });

  it('the identity is gone although others enrolled with it', async () => {
    rmSync(at('identity'), { recursive: true });
    expect(await refusal({}, 1)).toMatch(/has lost site\.json, .*: restore all of it from a backup/);
    expect(readdirSync(directory)).not.toContain('identity');
    cpSync(join(good, 'identity'), at('identity'), { recursive: true, verbatimSymlinks: true });
    await started();
  });
});

function cut(path: string): void {
  truncateSync(path, 60);
}

function onStore(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function foreign(path: string): void {
  rmSync(path);
  onStore(path, 'CREATE TABLE letters (text TEXT)');
}

function newer(path: string): void {
  onStore(path, 'PRAGMA user_version = 99');
}

function garble(path: string): void {
  onStore(path, `UPDATE entry SET value = '{"epoch":' WHERE key = 'counters'`);
}

describe('with a site file that cannot be used it does not start for the first time, and does when that is mended:', () => {
  it.each<[string, string | undefined, RegExp]>([
    ['it is not there', undefined, /site\.yaml is not there: make it, or correct its path/],
    ['it is no YAML', 'kind: [Network', /site\.yaml:\d+: this is not valid YAML: /],
    ['it is no text', '\u0000\u0001\u0002: \u0000', /site\.yaml:\d+: /],
    [
      'it is of another program',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n',
      /site\.yaml:\d+: .*(apiVersion|kind)/,
    ],
    ['it is a directory without a file', '', /no \.yaml, \.yml or \.json file in this directory: put one there/],
  ])('%s', async (what, text, sentence) => {
    if (what.includes('directory')) mkdirSync(at('site.yaml'));
    else if (text !== undefined) writeFileSync(at('site.yaml'), text);
    const how = { flags: { site: at('site.yaml') } };
    expect(await refusal(how, 2)).toMatch(sentence);
    rmSync(at('site.yaml'), { recursive: true, force: true });
    writeFileSync(at('site.yaml'), siteYaml());
    await started(how);
  });
});
