import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { Material } from './material.ts';

/** The only way this product speaks TLS: 1.3, no session tickets. */
export const tlsRules = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions;

/** Secure context of one who shows a certificate and trusts the roots of its material. */
export function contextOptions(material: Material): SecureContextOptions {
  return { ...tlsRules, key: material.privateKey, cert: material.certificateChain, ca: material.roots };
}
