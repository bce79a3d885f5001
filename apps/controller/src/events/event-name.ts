import { createHash } from 'node:crypto';
import type { Announcement } from './announce.ts';

/**
 * The name of the one Event object that counts this announcement, the same in every process that makes it, so that a
 * restarted controller goes on counting instead of saying it anew.
 */
export function eventName({ regarding, type, reason, about }: Announcement): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([regarding.uid, type, reason, about]))
    .digest('hex');
  // Names end at 253 characters.
  return `${regarding.name.slice(0, 230)}.${digest.slice(0, 16)}`;
}
