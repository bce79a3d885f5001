/** What the tests of this library make again and again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueLeaf, type AuthorityState } from './authority.ts';
import type { Identity } from './identity.ts';
import { makeKeyPair, privateKeyToPem } from './keys.ts';
import type { Material } from './material.ts';
import { certificatesToPem } from './pem.ts';

/** Material of an identity, certified now for `lifetime` milliseconds. */
export async function materialOf(authority: AuthorityState, identity: Identity, lifetime = 60_000): Promise<Material> {
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime, now: Date.now() });
  return {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
}

/** A directory that exists while `use` runs. */
export async function withDirectory(use: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'fairlead-certs-'));
  try {
    await use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
