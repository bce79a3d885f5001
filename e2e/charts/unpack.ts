import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuiltImage } from '../../packaging/images/build.ts';
import { must } from '../lab/command.ts';
import type { ContainerImage, ContainerImages } from '../lab/kubernetes/container-image.ts';

interface Blob {
  readonly digest: string;
}

interface Config {
  readonly config: { readonly Entrypoint?: string[]; readonly Cmd?: string[]; readonly Env?: string[] };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** Images out of their OCI archives, as a node unpacks them: each layer once, beside the archives, by what is in it. */
export async function unpackImages(built: readonly BuiltImage[]): Promise<ContainerImages> {
  const images: Record<string, ContainerImage> = {};
  for (const { reference, file } of built) images[reference] = await unpackImage(file);
  return images;
}

async function unpackImage(file: string): Promise<ContainerImage> {
  const unpacked = join(dirname(file), 'unpacked');
  mkdirSync(unpacked, { recursive: true });
  const work = mkdtempSync(join(unpacked, '.new-'));
  try {
    await must(['tar', '-xf', file, '-C', work]);
    const blob = ({ digest }: Blob): string => join(work, 'blobs', digest.replace(':', '/'));
    const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
    const index = read(join(work, 'index.json')) as { manifests: [Blob] };
    const manifest = read(blob(index.manifests[0])) as { config: Blob; layers: Blob[] };
    const { config, rootfs } = read(blob(manifest.config)) as Config;
    const layers: string[] = [];
    for (const [position, layer] of manifest.layers.entries()) {
      const target = join(unpacked, rootfs.diff_ids[position]!.replace(':', '-'));
      if (!existsSync(target)) await unpackLayer(blob(layer), target, work);
      layers.unshift(target);
    }
    const environment = (config.Env ?? []).map((each) => [
      each.slice(0, each.indexOf('=')),
      each.slice(each.indexOf('=') + 1),
    ]);
    return {
      layers,
      entrypoint: config.Entrypoint ?? [],
      command: config.Cmd ?? [],
      environment: Object.fromEntries(environment) as Record<string, string>,
    };
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function unpackLayer(blob: string, target: string, work: string): Promise<void> {
  const root = mkdtempSync(join(work, 'layer-'));
  await must(['tar', '-xzpf', blob, '-C', root], { timeout: 120_000 });
  renameSync(root, target);
}
