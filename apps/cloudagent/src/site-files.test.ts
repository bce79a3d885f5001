import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensure } from './decisions/ensure.ts';
import { remove } from './decisions/remove.ts';
import { resourceFromText, resourceToText } from './resources/stored.ts';
import { SiteFiles } from './site-files.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { silentLog } from './testing/fake-machine.ts';
import { service } from './testing/site.ts';
import { TruthKeeper } from './truth/truth-keeper.ts';

let directory: string;
let file: string;
let store: Store;
let keeper: TruthKeeper;
let files: SiteFiles;
let problem: string | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-files-'));
  file = join(directory, 'site.yaml');
  store = openSqliteStore({ file: join(directory, 'state', 'store.db') });
  keeper = await TruthKeeper.load({ store, codec: { toText: resourceToText, fromText: resourceFromText } });
  problem = undefined;
});
afterEach(async () => {
  await files.stop();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(path: string): SiteFiles {
  files = new SiteFiles({
    path,
    siteName: 'test',
    keeper,
    now: Date.now,
    log: silentLog,
    onProblem: (told) => (problem = told),
    pollMs: 100,
  });
  return files;
}

const declared = () => [...keeper.truth.resources.keys()].sort((a, b) => a.localeCompare(b));
const registry = (name: string) => `---
apiVersion: fairlead.dev/v1
kind: LoadBalancer
metadata: {name: ${name}}
spec: {loadBalancerSet: default, ports: [{port: 443}], backends: [{name: a, address: 10.5.0.5}]}
`;

describe('site files', () => {
  it('are applied at start, and what they declare belongs to them', async () => {
    writeFileSync(file, siteYaml({ more: registry('registry') }));
    expect(await open(file).load()).toEqual([]);
    expect(keeper.truth.resources.get('LoadBalancer/registry')!.declaredIn).toBe(file);
    expect(keeper.truth.book.addressesOf('static/registry')).toEqual(['10.0.0.150']);
  });

  it('are applied again when they change, and what they no longer declare goes', async () => {
    writeFileSync(file, siteYaml({ more: registry('old') }));
    await open(file).load();
    files.follow();
    writeFileSync(file, siteYaml({ more: registry('new') }));
    await vi.waitFor(() => expect(declared()).toContain('LoadBalancer/new'), { timeout: 3_000 });
    expect(declared()).not.toContain('LoadBalancer/old');
    expect(keeper.truth.book.addressesOf('static/old')).toEqual([]);
  });

  it('with a mistake change nothing, and the mistake is told with file and line until it is mended', async () => {
    writeFileSync(file, siteYaml());
    await open(file).load();
    const before = declared();
    writeFileSync(file, siteYaml({ more: registry('x') }).replace('gateways', 'gatewys'));
    const violations = await files.load();
    expect(violations).toMatchObject([{ source: file, line: 4, message: expect.stringContaining('gateways') }]);
    expect(problem).toContain(`${file}:4`);
    expect(declared()).toEqual(before);
    writeFileSync(file, siteYaml());
    await files.load();
    expect(problem).toBeUndefined();
  });

  it('cannot take away what is in use; it goes by itself once it is free', async () => {
    writeFileSync(file, siteYaml({ vips: 2, quarantine: '0s' }));
    await open(file).load();
    for (const name of ['a', 'b']) await keeper.change((truth) => ensure(truth, service(name), 1));
    writeFileSync(file, siteYaml({ vips: 1, quarantine: '0s' }));
    const [violation] = await files.load();
    expect(violation).toMatchObject({ line: 9, message: expect.stringContaining('10.0.0.151 is held by prod/shop/b') });
    files.follow();
    await keeper.change((truth) => remove(truth, 'uid-b', 1));
    await vi.waitFor(() => expect(problem).toBeUndefined(), { timeout: 3_000 });
    expect(keeper.truth.book.addressesOf('uid-a')).toEqual(['10.0.0.150']);
  });

  it('that vanish or are cut empty for a moment take nothing away', async () => {
    writeFileSync(file, siteYaml());
    await open(file).load();
    const before = declared();
    writeFileSync(file, '');
    expect(await files.load()).toMatchObject([{ message: expect.stringContaining('declares nothing any more') }]);
    renameSync(file, `${file}.away`);
    expect(await files.load()).toMatchObject([{ message: expect.stringContaining('is not there: make it') }]);
    expect(declared()).toEqual(before);
  });

  it('may be several in a directory; others than YAML and JSON, and hidden ones, are left alone', async () => {
    const site = join(directory, 'site');
    mkdirSync(site);
    expect(await open(site).load()).toMatchObject([{ message: expect.stringContaining('no .yaml') }]);
    writeFileSync(join(site, '10-site.yaml'), siteYaml());
    writeFileSync(join(site, '20-registry.yml'), registry('registry'));
    writeFileSync(join(site, 'README.md'), 'not: yaml: at all');
    writeFileSync(join(site, '.hidden.yaml'), 'not: yaml: at all');
    expect(await files.load()).toEqual([]);
    expect(keeper.truth.resources.get('LoadBalancer/registry')!.declaredIn).toBe(join(site, '20-registry.yml'));
  });
});
