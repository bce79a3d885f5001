import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImages, type BuiltImage, describeRelease } from '../../packaging/images/build.ts';
import { stageContext } from '../../packaging/images/context.ts';
import { IMAGES } from '../../packaging/images/images.ts';
import { sourceVersion } from '../../tools/build.ts';
import { eventually } from '../tests/eventually.ts';
import { ContainerHost } from './container-host.ts';

interface Inspected {
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

const MOST_BYTES = 60e6;
const NODE = '/usr/local/bin/node';
/** As the charts run them. */
const RESTRICTED = ['--read-only', '--read-only-tmpfs=false', '--cap-drop=ALL', '--security-opt=no-new-privileges'];

let built: readonly BuiltImage[];
let host: ContainerHost;
beforeAll(async () => {
  built = await buildImages();
  host = await ContainerHost.start();
  for (const { file } of built) await host.load(file);
});
afterAll(async () => {
  await host?.down();
});

const run = (name: string, flags: readonly string[], argv: readonly string[]): Promise<string> =>
  host.podman(['run', '--rm', ...host.runFlags, ...RESTRICTED, ...flags, `${name}:${sourceVersion()}`, ...argv]);
const inspect = async (name: string): Promise<Inspected['Config']> =>
  (JSON.parse(await host.podman(['image', 'inspect', name])) as [Inspected])[0].Config;

describe.each(IMAGES)('image $name', ({ name, starts }) => {
  it('starts its program', async () => {
    expect(await run(name, [], ['--help'])).toMatch(new RegExp(`^Usage: ${starts} `));
  });

  it('holds no shell, nothing that belongs to its user, and nothing that its user may write', async () => {
    const look = `const { accessSync, constants, lstatSync, readdirSync, statSync } = require('node:fs');
      const roots = readdirSync('/').filter((name) => !['proc', 'sys', 'dev', 'run'].includes(name));
      const below = (name) => statSync('/' + name).isDirectory()
        ? readdirSync('/' + name, { recursive: true }).map((path) => name + '/' + path) : [];
      const all = roots.flatMap((name) => [name, ...below(name)]);
      const may = (path) => { try { accessSync('/' + path, constants.W_OK); return true; } catch { return false; } };
      console.log(JSON.stringify({
        uid: process.getuid(), gid: process.getgid(),
        shells: all.filter((path) => /bin\\/(ba|da|a)?sh$/.test(path)),
        own: all.filter((path) => lstatSync('/' + path).uid !== 0),
        writable: all.filter(may),
      }));`;
    const seen = JSON.parse(await run(name, [`--entrypoint=${NODE}`], ['-e', look])) as Record<string, unknown>;
    expect(seen).toEqual({ uid: 65532, gid: 65532, shells: [], own: [], writable: [] });
  });

  it('says what it is, and whose code is in it', async () => {
    const config = await inspect(`${name}:${sourceVersion()}`);
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.version': sourceVersion(),
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    const read = `console.log(require('node:fs').readFileSync('/usr/share/doc/fairlead/sbom.cdx.json', 'utf8'))`;
    const bill = JSON.parse(await run(name, [`--entrypoint=${NODE}`], ['-e', read])) as {
      components: { name: string }[];
    };
    expect(bill.components.map((component) => component.name)).toContain('commander');
  });

  it('is small', () => {
    const { file } = built.find((each) => each.name === name)!;
    expect(readFileSync(file).length).toBeLessThan(MOST_BYTES);
  });
});

it('a cloudagent in a container serves the command line beside it, and ends well', async () => {
  const disks = [
    '--tmpfs=/var/lib/fairlead:mode=0777',
    '--tmpfs=/run/fairlead:mode=0777',
    '--tmpfs=/etc/fairlead:mode=0777',
  ];
  const flags = [...host.runFlags, ...RESTRICTED, ...disks, '--name=cloudagent', '--detach'];
  const listen = ['--listen=127.0.0.1:7420', '--join-listen=127.0.0.1:7421', '--metrics-listen=127.0.0.1:7422'];
  await host.podman(['run', ...flags, `fairlead-cloudagent:${sourceVersion()}`, '--site-name=home', ...listen]);
  await eventually(async () => {
    const token = await host.podman(['exec', 'cloudagent', 'fairlead', 'tokens', 'create', 'operator', 'ann']);
    expect(token).toMatch(/^fairlead1\./);
  }, 20);
  await host.podman(['stop', '--time=10', 'cloudagent']);
  expect((await host.podman(['wait', 'cloudagent'])).trim()).toBe('0');
});

it('the same sources give the same bytes', async () => {
  const sums = (): string[] => built.map(({ file }) => createHash('sha256').update(readFileSync(file)).digest('hex'));
  const before = sums();
  await buildImages();
  expect(sums()).toEqual(before);
});

it('the Dockerfile gives another builder the same image', async () => {
  const context = mkdtempSync(join(tmpdir(), 'fairlead-context-'));
  try {
    await stageContext(context, describeRelease(sourceVersion()));
    await host.build(context, 'fairlead-controller', 'localhost/by-dockerfile');
    const [ours, theirs] = [
      await inspect(`fairlead-controller:${sourceVersion()}`),
      await inspect('localhost/by-dockerfile'),
    ];
    const { 'io.buildah.version': _tool, ...labels } = theirs.Labels;
    expect({ ...theirs, Labels: labels }).toEqual(ours);
    const started = await host.podman([
      'run',
      '--rm',
      ...host.runFlags,
      ...RESTRICTED,
      'localhost/by-dockerfile',
      '--help',
    ]);
    expect(started).toMatch(/^Usage: controller /);
  } finally {
    rmSync(context, { recursive: true });
  }
});
