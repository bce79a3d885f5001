import { statSync } from 'node:fs';

/**
 * Root goes on as the owner of the directory, so that what it writes there is its owner's. Does nothing for others, or
 * when there is no such directory.
 */
export function becomeOwnerOf(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  const owner = statSync(directory, { throwIfNoEntry: false });
  if (owner === undefined || owner.uid === 0) return;
  process.setgroups?.([owner.gid]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}
