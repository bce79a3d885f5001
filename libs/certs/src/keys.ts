import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** What keys are made of: P-256 by default, RSA with 2048 bits for those who must. */
export type KeyType = 'P-256' | 'RSA-2048';

/** A key pair that never leaves this machine. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** Makes a new key pair. */
export async function makeKeyPair(keyType: KeyType = 'P-256'): Promise<KeyPair> {
  return keyType === 'P-256'
    ? await generate('ec', { namedCurve: 'P-256' })
    : await generate('rsa', { modulusLength: 2048 });
}

/** What a key of ours is made of. */
export function keyTypeOf(key: KeyObject): KeyType {
  return key.asymmetricKeyType === 'rsa' ? 'RSA-2048' : 'P-256';
}

/** PKCS#8 PEM of a private key. For a file of mode 0600 or a TLS context, nowhere else. */
export function privateKeyToPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Key pair of a PKCS#8 PEM. Throws when it is not one. */
export function keyPairOfPem(pem: string | Buffer): KeyPair {
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** SubjectPublicKeyInfo, DER. */
export function publicKeyToDer(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/**
 * Public key of a SubjectPublicKeyInfo, or undefined when it is not one that we certify:
 * P-256, or RSA of 2048 to 4096 bits.
 */
export function acceptedPublicKey(der: Uint8Array): KeyObject | undefined {
  if (der.length > 1024) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(der), type: 'spki', format: 'der' });
    if (!publicKeyToDer(key).equals(der)) return undefined;
    const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === 'ec') return namedCurve === 'prime256v1' ? key : undefined;
    if (key.asymmetricKeyType === 'rsa') return modulusLength >= 2048 && modulusLength <= 4096 ? key : undefined;
    return undefined;
  } catch {
    return undefined;
  }
}
