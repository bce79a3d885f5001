import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackages, type PackageName } from '../../packaging/build.ts';
import { must, run } from '../lab/command.ts';
import { rpmEnvironment } from './rpm-tools.ts';

const VERSION = '7.8.9-rc.1';
const PROGRAMS: readonly PackageName[] = ['lbagent', 'cloudagent', 'fairlead'];

let directory: string;
let environment: NodeJS.ProcessEnv;

/** What a format holds, unpacked, and the listing that tar(1) or rpm(1) makes of it. */
interface Unpacked {
  readonly root: string;
  /** `-rwxr-xr-x root/root usr/bin/lbagent`, in order. */
  readonly listing: readonly string[];
}

const debs = new Map<PackageName, Unpacked>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-contents-'));
  environment = await rpmEnvironment();
  const built = await buildPackages({ version: VERSION, formats: ['deb'], out: directory, environment });
  for (const [index, name] of PROGRAMS.entries()) {
    const file = built[index]!;
    const root = join(directory, name);
    await must(['dpkg-deb', '--raw-extract', file, root]);
    debs.set(name, { root, listing: lines(await must(['dpkg-deb', '--contents', file])).map(entryOf) });
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Mode, owner and path of a line of `tar --verbose`. */
function entryOf(line: string): string {
  const [mode, owner, , , , ...path] = line.split(/\s+/);
  return [mode, owner, path.join(' ').replace(/^\.\//, '')].join(' ');
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function textOf(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
}

describe.each(PROGRAMS)('the package of %s', (name) => {
  const unpacked = (): Unpacked => debs.get(name)!;

  test("is root's, can be changed by nobody else, and gives nobody root's rights", () => {
    const { listing } = unpacked();
    expect(listing.length).toBeGreaterThan(10);
    expect(listing.filter((entry) => !/^[dl-]\S{9} root\/root /.test(entry))).toEqual([]);
    expect(listing.filter((entry) => entry.startsWith('d') && !entry.startsWith('drwxr-xr-x '))).toEqual([]);
    expect(listing.filter((entry) => entry.startsWith('-') && !/^-rw([x-])r-\1r-\1 /.test(entry))).toEqual([]);
    const executable = listing.filter((entry) => entry.startsWith('-rwx'));
    expect(executable.filter((entry) => !/ usr\/(bin|lib\/fairlead)\//.test(entry))).toEqual([]);
  });

  test('knows nothing of the machine that made it', () => {
    const places = [resolve(import.meta.dirname, '../..'), directory, ...(homedir() === '/' ? [] : [`${homedir()}/`])];
    const ours = filesBelow(unpacked().root).filter((file) => !file.endsWith('/node'));
    const telling = ours.filter((file) => places.some((place) => textOf(file).includes(place)));
    expect(telling).toEqual([]);
  });

  test('brings the Node that was published, and a program that knows its version', async () => {
    const home = join(unpacked().root, 'usr/lib/fairlead', name);
    const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    const pinned = resolve(import.meta.dirname, `../../node_modules/node-linux-${process.arch}/bin/node`);
    expect(digest(join(home, 'node'))).toBe(digest(pinned));
    const asked = name === 'fairlead' ? ['version', '--client'] : ['--version'];
    expect(await must([join(home, 'node'), join(home, `${name}.mjs`), ...asked])).toContain(VERSION);
  });

  test('says whose work is in it, what changed, and how it is used', () => {
    const { root } = unpacked();
    const packageName = name === 'fairlead' ? name : `fairlead-${name}`;
    const documents = join(root, 'usr/share/doc', packageName);
    expect(readdirSync(documents).sort()).toEqual([
      'README.md',
      'changelog.gz',
      'copyright',
      'licence-of-node.gz',
      'licences-of-npm-packages.gz',
    ]);
    const licences = textOf(join(documents, 'licences-of-npm-packages.gz'));
    for (const part of ['@grpc/grpc-js 1.', 'commander 14.', 'Permission is hereby granted']) {
      expect(licences).toContain(part);
    }
    expect(textOf(join(documents, 'copyright'))).toContain('License: Apache-2.0');
    const section = name === 'fairlead' ? 1 : 8;
    const page = textOf(join(root, `usr/share/man/man${section}/${name}.${section}.gz`));
    expect(page).toContain(`"Fairlead ${VERSION}"`);
    expect(page).toContain('Usage: ');
  });

  test('has scripts that a shell can read, and says its version as dpkg sorts versions', async () => {
    const { root } = unpacked();
    for (const file of filesBelow(root)) {
      if (statSync(file).size > 100_000 || !readFileSync(file, 'latin1').startsWith('#!/bin/sh')) continue;
      expect({ file, ...(await run(['sh', '-n', file])) }).toEqual({ file, code: 0, stdout: '', stderr: '' });
    }
    const control = readFileSync(join(root, 'DEBIAN/control'), 'utf8');
    expect(control).toContain('Version: 7.8.9~rc.1\n');
  });
});

test('what an operator may change is known to dpkg, and nothing else below /etc is a file', () => {
  const conffiles = (name: PackageName): string[] =>
    lines(readFileSync(join(debs.get(name)!.root, 'DEBIAN/conffiles'), 'utf8'));
  expect(conffiles('lbagent')).toEqual(['/etc/lbagent/lbagent.env']);
  expect(conffiles('cloudagent')).toEqual(['/etc/fairlead/cloudagent.env', '/etc/fairlead/site.yaml']);
  for (const name of ['lbagent', 'cloudagent'] as const) {
    const { root, listing } = debs.get(name)!;
    const below = filesBelow(join(root, 'etc')).map((file) => file.slice(root.length));
    expect(below.sort()).toEqual(conffiles(name));
    expect(listing.filter((entry) => entry.startsWith('-') && entry.includes(' etc/'))).toHaveLength(below.length);
  }
});

test('completion is there for bash, zsh and fish, and kubectl finds its plugin', async () => {
  const { root } = debs.get('fairlead')!;
  const completion = [
    'usr/share/bash-completion/completions/fairlead',
    'usr/share/zsh/site-functions/_fairlead',
    'usr/share/fish/vendor_completions.d/fairlead.fish',
  ];
  for (const file of completion) expect(readFileSync(join(root, file), 'utf8')).toContain('fairlead __complete');
  const home = join(root, 'usr/lib/fairlead/fairlead');
  expect(await must([join(home, 'node'), join(home, 'kubectl-fairlead.mjs'), '--help'])).toContain(
    'Usage: kubectl fairlead',
  );
});

test("root's half of lbagent does what it may for two units, and nothing for others", async () => {
  const program = join(debs.get('lbagent')!.root, 'usr/lib/fairlead/lbagent/unit-request');
  const refused = [
    'start sshd.service',
    'start haproxy.service;id',
    'start haproxy.service keepalived.service',
    'isolate haproxy.service',
    '--host=x haproxy.service',
    'show $(id)',
    '',
  ];
  for (const request of refused) {
    const { stdout } = await run([program], { stdin: `${request}\n` });
    expect(`${request}: ${stdout}`).toMatch(/: 64\n(lbagent may ask for haproxy\.service|ask for show, start)/);
  }
  expect((await run([program], { stdin: '' })).stdout).toBe('64\nwrite VERB UNIT and a line end\n');
});

test('the same sources make the same bytes, in every format', async () => {
  const digests = await Promise.all(
    ['first', 'second'].map(async (name) => {
      const out = join(directory, name);
      const built = await buildPackages({ version: VERSION, only: ['lbagent'], out, environment });
      return built.map((file) => [
        file.slice(out.length),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
      ]);
    }),
  );
  expect(digests[0]).toHaveLength(3);
  expect(digests[1]).toEqual(digests[0]);
});
