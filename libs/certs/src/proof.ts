import { sign, verify, type KeyObject } from 'node:crypto';

/** What a request at the join port proves: that the asker holds the key, now, for this purpose. */
export type Purpose = 'enrol' | 'renew';

/** Signature over `"fairlead PURPOSE v1" NUL nonce public_key` (ECDSA in DER or RSA PKCS#1, SHA-256). */
export function signProof(purpose: Purpose, key: KeyObject, nonce: Uint8Array, publicKey: Uint8Array): Buffer {
  return sign('sha256', statement(purpose, nonce, publicKey), key);
}

/** True when `proof.signature` was made by the private half of `key` over this statement. */
export function verifyProof(
  purpose: Purpose,
  key: KeyObject,
  proof: { readonly nonce: Uint8Array; readonly publicKey: Uint8Array; readonly signature: Uint8Array },
): boolean {
  try {
    return verify('sha256', statement(purpose, proof.nonce, proof.publicKey), key, proof.signature);
  } catch {
    return false;
  }
}

function statement(purpose: Purpose, nonce: Uint8Array, publicKey: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`fairlead ${purpose} v1\0`), nonce, publicKey]);
}
