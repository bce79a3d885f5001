import { chmodSync, copyFileSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Entry } from './package.ts';

/** Puts entries below `root`, with their modes, whatever the umask of who builds. Directories are 0755. */
export function stage(entries: readonly Entry[], root: string): void {
  makeDirectories(root, '');
  for (const entry of entries) {
    const path = join(root, entry.path);
    makeDirectories(root, dirname(entry.path));
    if (entry.kind === 'link') {
      symlinkSync(entry.to, path);
      continue;
    }
    if ('file' in entry.from) copyFileSync(entry.from.file, path);
    else writeFileSync(path, entry.from.text);
    chmodSync(path, entry.kind === 'config' ? 0o644 : entry.mode);
  }
}

/** Gives everything below `root` one time, so that the same content makes the same package. Seconds since 1970. */
export function stamp(root: string, seconds: number): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) stamp(path, seconds);
    else lutimesSync(path, seconds, seconds);
  }
  lutimesSync(root, seconds, seconds);
}

function makeDirectories(root: string, directory: string): void {
  let path = root;
  for (const part of ['', ...directory.split('/').filter((each) => each !== '')]) {
    path = join(path, part);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o755);
  }
}
