import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** One layer of an image, compressed, in a file. */
export interface Layer {
  readonly file: string;
  readonly size: number;
  /** `sha256:…` of the file. */
  readonly digest: string;
  /** `sha256:…` of what is in it. */
  readonly diffId: string;
}

/** GNU tar's. Modes as in a checkout with the usual umask, whatever the one of this machine is. */
export const REPRODUCIBLE: readonly string[] = [
  '--format=gnu',
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mode=u+rwX,go+rX,go-w',
];

/**
 * The tree below `root` as a layer, owned by root, without times: the same tree gives the same bytes.
 * Compressed layers are kept in `cache` by what is in them.
 */
export async function makeLayer(root: string, cache: string): Promise<Layer> {
  mkdirSync(cache, { recursive: true });
  const tarball = join(cache, `new-${process.pid}.tar`);
  try {
    const diffId = await tarTo(tarball, root);
    const file = join(cache, `${diffId.replace(':', '-')}.tar.gz`);
    if (!existsSync(file)) {
      const next = `${file}.${process.pid}`;
      await pipeline(createReadStream(tarball), createGzip({ level: 9 }), createWriteStream(next));
      renameSync(next, file);
    }
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    return { file, size: statSync(file).size, digest: digestOf(hash), diffId };
  } finally {
    rmSync(tarball, { force: true });
  }
}

async function tarTo(tarball: string, root: string): Promise<string> {
  const args = ['--create', ...REPRODUCIBLE, '--directory', root, '.'];
  const tar = spawn('tar', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  const said: string[] = [];
  tar.stderr.on('data', (data: Buffer) => said.push(data.toString()));
  const ended = new Promise<void>((resolve, reject) => {
    tar.on('error', (error) => reject(new Error(`tar cannot be run: ${error.message}; install GNU tar`)));
    tar.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`tar of ${root} failed: ${said.join('')}`))));
  });
  const hash = createHash('sha256');
  await Promise.all([ended, pipeline(tar.stdout, hashing(hash), createWriteStream(tarball))]);
  return digestOf(hash);
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
