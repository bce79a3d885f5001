import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sourceVersion } from '../../tools/build.ts';
import { ROOT, stageContext } from './context.ts';
import { entrypoint, IMAGES, type Image, labels, type Release, SEARCH_PATH, USER } from './images.ts';
import { type Layer, makeLayer } from './layer.ts';
import { type ImageConfig, writeArchive } from './oci.ts';

export interface BuiltImage {
  readonly name: string;
  /** NAME:VERSION. */
  readonly reference: string;
  /** OCI archive. */
  readonly file: string;
}

const OUTPUT = join(ROOT, 'dist/images');

/**
 * Builds every image into `dist/images/NAME-VERSION.tar`; the version is what the sources say unless given. The same
 * sources and libraries give the same bytes.
 */
export async function buildImages(version = sourceVersion()): Promise<BuiltImage[]> {
  const context = join(OUTPUT, `context-${process.pid}`);
  mkdirSync(OUTPUT, { recursive: true });
  try {
    const release = describeRelease(version);
    await stageContext(context, release);
    const layer = (name: string): Promise<Layer> => makeLayer(join(context, name), join(OUTPUT, 'layers'));
    const below = [await layer('base'), await layer('node')];
    const built: BuiltImage[] = [];
    for (const image of IMAGES) {
      const reference = `${image.name}:${release.version}`;
      const file = join(OUTPUT, `${image.name}-${release.version}.tar`);
      const layers = [...below, await layer(image.name)];
      writeArchive(file, reference, { config: configOf(image, release), layers });
      built.push({ name: image.name, reference, file });
    }
    return built;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

function configOf(image: Image, release: Release): ImageConfig {
  return {
    created: release.created,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      User: USER,
      Env: [`PATH=${SEARCH_PATH}`],
      Entrypoint: entrypoint(image),
      WorkingDir: '/',
      Labels: labels(image, release),
    },
  };
}

/** https://reproducible-builds.org/specs/source-date-epoch/, else the time of the commit, else the beginning of time. */
export function describeRelease(version: string): Release {
  const git = (...argv: string[]): string | undefined => {
    try {
      return execFileSync('git', argv, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined;
    }
  };
  const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct') ?? 0);
  const revision = git('rev-parse', 'HEAD');
  const created = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  return { version, created, ...(revision !== undefined && { revision }) };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { context: { type: 'string' } } });
  if (values.context !== undefined) {
    await stageContext(resolve(values.context), describeRelease(sourceVersion()));
    console.log(`${values.context} has a Dockerfile and all that it copies`);
  } else {
    for (const { reference, file } of await buildImages()) {
      console.log(`${reference}  ${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
    }
  }
}
