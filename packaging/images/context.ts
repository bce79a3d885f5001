import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bundleWithOrigin } from '../../tools/build.ts';
import { licenceTexts } from '../licences.ts';
import { stageBase } from './base.ts';
import { billOfMaterials, componentOf } from './inventory.ts';
import { bundlePath, type Image, IMAGES, NODE, type Release, renderDockerfile } from './images.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

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
  for (const image of IMAGES) await stagePrograms(join(directory, image.name), image, release.version);
}

function stageNode(root: string): void {
  const pinned = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`);
  put(join(pinned, 'bin/node'), join(root, NODE), 0o755);
  put(join(pinned, 'LICENSE'), join(root, 'usr/share/doc/node/LICENSE'));
}

async function stagePrograms(root: string, image: Image, version: string): Promise<void> {
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  const packages = new Set<string>();
  for (const program of image.programs) {
    const bundle = await bundleWithOrigin(program, version);
    const path = join(root, bundlePath(program));
    mkdirSync(dirname(path), { recursive: true });
    // There is no shell and no env(1) in the image, so the kernel is told where Node is.
    writeFileSync(path, `#!${NODE}\n${bundle.text}`, { mode: 0o755 });
    symlinkSync(`../..${bundlePath(program).slice('/usr'.length)}`, join(root, 'usr/local/bin', program));
    for (const folder of bundle.packages) packages.add(folder);
  }
  const documents = join(root, 'usr/share/doc/fairlead');
  put(join(ROOT, 'LICENSE'), join(documents, 'LICENSE'));
  const folders = [...packages].sort();
  writeFileSync(join(documents, 'licences-of-npm-packages'), licenceTexts(folders));
  const components = folders.map((folder) => componentOf(readFileSync(join(folder, 'package.json'), 'utf8')));
  writeFileSync(join(documents, 'sbom.cdx.json'), billOfMaterials(image.name, version, components));
}

function put(from: string, to: string, mode = 0o644): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}
