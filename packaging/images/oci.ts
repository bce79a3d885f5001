import { createHash } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { type Layer, REPRODUCIBLE } from './layer.ts';

/** What an image says of itself (https://github.com/opencontainers/image-spec/blob/main/config.md). */
export interface ImageConfig {
  readonly created: string;
  readonly architecture: string;
  readonly os: 'linux';
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What `docker load`, `podman load` and `skopeo copy oci-archive:` take: one image in one tar file. Replaces `file`. */
export function writeArchive(
  file: string,
  reference: string,
  { config, layers }: { config: ImageConfig; layers: readonly Layer[] },
): void {
  const layout = mkdtempSync(join(dirname(file), '.oci-'));
  try {
    const blobs = join(layout, 'blobs/sha256');
    mkdirSync(blobs, { recursive: true });
    const put = (mediaType: string, value: unknown): Descriptor => {
      const text = JSON.stringify(value);
      const hex = createHash('sha256').update(text).digest('hex');
      writeFileSync(join(blobs, hex), text);
      return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
    };
    for (const { file: from, digest } of layers) place(from, join(blobs, digest.slice('sha256:'.length)));
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
    const manifest = put('application/vnd.oci.image.manifest.v1+json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: put('application/vnd.oci.image.config.v1+json', { ...config, rootfs }),
      layers: layers.map(({ digest, size }) => ({ mediaType: LAYER, digest, size })),
    });
    const annotations = { 'org.opencontainers.image.ref.name': reference, 'io.containerd.image.name': reference };
    const index = { schemaVersion: 2, mediaType: INDEX, manifests: [{ ...manifest, annotations }] };
    writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    pack(layout, file);
  } finally {
    rmSync(layout, { recursive: true });
  }
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const INDEX = 'application/vnd.oci.image.index.v1+json';

function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Another file system.
    copyFileSync(from, to);
  }
}

function pack(layout: string, file: string): void {
  const next = `${file}.${process.pid}`;
  const args = [
    '--create',
    '--file',
    next,
    ...REPRODUCIBLE,
    '--directory',
    layout,
    'blobs',
    'index.json',
    'oci-layout',
  ];
  const { status, stderr } = spawnSync('tar', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar of ${layout} failed: ${stderr}`);
  renameSync(next, file);
}
