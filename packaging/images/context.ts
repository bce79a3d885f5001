import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type App, bundleApp } from '../../tools/build.ts';
import { stageBase } from './base.ts';
import { billOfMaterials, componentsOf, type Lock } from './inventory.ts';
import { bundlePath, type Image, IMAGES, NODE, type Release, renderDockerfile } from './images.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Where a program's own code is. */
const FOLDERS: Readonly<Record<App, string>> = {
  cloudagent: 'apps/cloudagent',
  controller: 'apps/controller',
  fairlead: 'apps/cli',
  lbagent: 'apps/lbagent',
};

/**
 * Fills a directory with a Dockerfile and what it copies: `node`, one folder for each image, and `base`. Each is the
 * root of a file system, as one layer.
 */
export async function stageContext(directory: string, release: Release): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'Dockerfile'), renderDockerfile(release));
  stageBase(join(directory, 'base'));
  stageNode(join(directory, 'node'));
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  for (const image of IMAGES)
    await stagePrograms(join(directory, image.name), image, { lock, version: release.version });
}

function stageNode(root: string): void {
  const pinned = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`);
  put(join(pinned, 'bin/node'), join(root, NODE), 0o755);
  put(join(pinned, 'LICENSE'), join(root, 'usr/share/doc/node/LICENSE'));
}

async function stagePrograms(
  root: string,
  image: Image,
  { lock, version }: { readonly lock: Lock; readonly version: string },
): Promise<void> {
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  for (const program of image.programs) {
    const bundle = join(root, bundlePath(program));
    mkdirSync(join(bundle, '..'), { recursive: true });
    // There is no shell and no env(1) in the image, so the kernel is told where Node is.
    writeFileSync(bundle, `#!${NODE}\n${await bundleApp(program, version)}`, { mode: 0o755 });
    symlinkSync(`../..${bundlePath(program).slice('/usr'.length)}`, join(root, 'usr/local/bin', program));
  }
  const documents = join(root, 'usr/share/doc/fairlead');
  put(join(ROOT, 'LICENSE'), join(documents, 'LICENSE'));
  const components = componentsOf(
    lock,
    image.programs.map((program) => FOLDERS[program]),
  );
  writeFileSync(join(documents, 'sbom.cdx.json'), billOfMaterials(image.name, version, components));
}

function put(from: string, to: string, mode = 0o644): void {
  mkdirSync(join(to, '..'), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}
