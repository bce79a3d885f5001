import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** A small file system of its own, seen only by programs that are started with `inside` before them. */
export interface SmallDisk {
  /** Put before a command that is to see the disk. */
  readonly inside: readonly string[];
  /** Leaves no byte. */
  fill(): void;
  /** Leaves what `fill` took. */
  free(): void;
  /** Read-only from now on, or writable again; nobody may have a file open for writing. */
  setReadOnly(readOnly: boolean): void;
  /** Runs a shell script that sees the disk; throws when it fails. */
  shell(script: string): string;
  /** Nothing is left of it; also happens when this process ends. */
  remove(): Promise<void>;
}

/** Mounts a file system of so many KiB at `directory` (which must exist), in a mount namespace of its own. */
export async function smallDisk(directory: string, kibibytes: number): Promise<SmallDisk> {
  const isRoot = process.getuid?.() === 0;
  const mount = `mount -t tmpfs -o size=${kibibytes}k,mode=0755 none "$0" && echo mounted && exec cat`;
  const user = isRoot ? [] : ['--user', '--map-root-user'];
  const holder = spawn('unshare', [...user, '--mount', 'sh', '-c', mount, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')]);
  if (holder.exitCode !== null) throw new Error(`a small file system cannot be mounted at ${directory}`);
  const enter = isRoot ? ['--mount'] : ['--user', '--preserve-credentials', '--mount'];
  const inside = ['nsenter', `--target=${holder.pid}`, ...enter, '--'];
  const shell = (script: string): string => {
    const [program = '', ...args] = inside;
    const done = spawnSync(program, [...args, 'sh', '-c', script, directory], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${script}: ${done.stderr}`);
    return done.stdout;
  };
  return {
    inside,
    fill: () => void shell('cat /dev/zero > "$0/.fill" 2>/dev/null || true'),
    free: () => void shell('rm -f "$0/.fill"'),
    setReadOnly: (readOnly) => void shell(`mount -o remount,${readOnly ? 'ro' : 'rw'} "$0"`),
    shell,
    async remove() {
      if (holder.exitCode !== null) return;
      const closed = once(holder, 'close');
      holder.stdin.end();
      await closed;
    },
  };
}
