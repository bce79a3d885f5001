import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readCertificate } from './certificate-facts.ts';
import { parseIdentity, type Identity } from './identity.ts';
import { readChain } from './chain-facts.ts';
import { certificatesOfPem } from './pem.ts';

/** What one side of a TLS connection needs, in PEM. */
export interface Material {
  /** PKCS#8. A secret. */
  readonly privateKey: string;
  /** Own leaf, then the issuing CA. */
  readonly certificateChain: string;
  /** Roots to trust. */
  readonly roots: string;
}

/** Who a material speaks for and how long. Times are milliseconds since 1970. */
export interface MaterialFacts {
  readonly identity: Identity;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Where TLS connections take their material from; new connections use what is current when they begin. */
export interface MaterialSource {
  current(): Material;
  /** Calls back after every change; returns the way to stop that. */
  subscribe(listener: (material: Material) => void): () => void;
}

/** A source that its owner can change. */
export interface ReplaceableMaterial extends MaterialSource {
  /** Throws and keeps the old material when the new one is not sound ({@link factsOfMaterial}). */
  replace(material: Material): void;
}

/** A source that begins with this material. Throws when it is not sound. */
export function materialSource(first: Material): ReplaceableMaterial {
  factsOfMaterial(first);
  let material = first;
  const listeners = new Set<(material: Material) => void>();
  return {
    current: () => material,
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    replace(next) {
      factsOfMaterial(next);
      material = next;
      for (const listener of listeners) listener(next);
    },
  };
}

/**
 * Facts of a material that is sound: the key is the certificate's, every signature holds up to a root in it, and it
 * names one identity. Its end is not looked at, so that an expired one can still be renewed. Throws otherwise, with
 * what is wrong.
 */
export function factsOfMaterial(material: Material): MaterialFacts {
  const chain = certificatesOfPem(material.certificateChain);
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('there is no certificate in the chain');
  if (!new X509Certificate(leaf).checkPrivateKey(createPrivateKey(material.privateKey))) {
    throw new Error('the private key is not that of the certificate');
  }
  const facts = readChain(chain, certificatesOfPem(material.roots));
  if (facts === undefined || !facts.genuine.every(Boolean)) {
    throw new Error('the certificate does not lead up to a trusted root');
  }
  const read = readCertificate(leaf);
  const [uri = ''] = read.uris;
  const identity = parseIdentity(uri);
  if (identity === undefined || read.uris.length !== 1) throw new Error('the certificate names no identity of ours');
  return { identity, serial: read.serial, notBefore: read.notBefore, notAfter: read.notAfter };
}
