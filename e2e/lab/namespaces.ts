import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/**
 * The lab's first process: a shell, because it reaps whatever is orphaned in the lab. Its only command is the
 * supervisor, and when that ends so does everything.
 */
const FIRST = `
mount -t tmpfs -o mode=755 lab /run && mkdir -p /run/lab /run/netns || exit 1
exec 3<&0
"$@" <&3 &
wait $!`;

/**
 * What to run so that `argv` runs in namespaces of its own, as root there, with a /run of its own.
 * Killing the process started this way, or its parent, takes all of it away.
 */
export function insideNamespaces(argv: readonly string[]): readonly string[] {
  const root = process.getuid?.() === 0;
  const user = root ? [] : ['--user', '--map-root-user', ...(canMapMoreUsers() ? ['--map-auto'] : [])];
  const unshare = ['unshare', ...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return ['setpriv', '--pdeathsig', 'KILL', ...unshare, 'sh', '-c', FIRST, 'lab', ...argv];
}

/** With more than one user mapped, programs in the lab can give up root, as keepalived does for its scripts. */
function canMapMoreUsers(): boolean {
  const name = userInfo().username;
  const ranges = existsSync('/etc/subuid') ? readFileSync('/etc/subuid', 'utf8') : '';
  if (!ranges.split('\n').some((line) => line.startsWith(`${name}:`))) return false;
  return spawnSync('newuidmap', { stdio: 'ignore' }).error === undefined;
}

/** What to run on this machine so that `argv` runs on a host of a lab, in this terminal. */
export function intoLab(first: number, keeper: number, argv: readonly string[]): readonly string[] {
  const user = process.getuid?.() === 0 ? [] : ['-U', '--preserve-credentials'];
  const lab = ['nsenter', '-t', String(first), ...user, '-p', '-m', '-n', '--'];
  return [...lab, 'nsenter', '-t', String(keeper), '-n', '-m', '-u', '--', ...argv];
}
