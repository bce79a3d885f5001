/**
 * Types that keep a file on another machine, where locks and fsync do not mean what SQLite needs
 * (https://www.sqlite.org/useovernet.html).
 */
const NETWORK_TYPES: ReadonlySet<string> = new Set([
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'smbfs',
  'afs',
  'ceph',
  'lustre',
  'gfs2',
  'ocfs2',
  'glusterfs',
  'beegfs',
  'ncpfs',
  'coda',
  'fuse.sshfs',
  'fuse.glusterfs',
  'fuse.ceph',
  'fuse.s3fs',
  'fuse.gcsfuse',
  'fuse.juicefs',
]);

/** True for file system types, as mountinfo names them, that keep files on another machine. PURE. */
export function isNetworkFileSystem(type: string): boolean {
  return NETWORK_TYPES.has(type);
}

/** The file system type that holds `path` (absolute, no symlinks), by the text of /proc/self/mountinfo (proc(5)). PURE. */
export function fileSystemOf(path: string, mountinfo: string): string | undefined {
  let best: { point: string; type: string } | undefined;
  for (const line of mountinfo.split('\n')) {
    const [mount, device] = line.split(' - ');
    const point = unescapeOctal(mount?.split(' ')[4] ?? '');
    const type = device?.split(' ')[0];
    if (point === '' || type === undefined || !isBelow(path, point)) continue;
    // A later line with the same mount point hides the earlier one.
    if (best === undefined || point.length >= best.point.length) best = { point, type };
  }
  return best?.type;
}

function isBelow(path: string, point: string): boolean {
  return point === '/' || path === point || path.startsWith(`${point}/`);
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
