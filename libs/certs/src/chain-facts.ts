import { X509Certificate } from 'node:crypto';
import { readCertificate } from './certificate-facts.ts';
import type { ChainFacts } from './chain.ts';

const longestChain = 4;
const largestCertificate = 8192;

/**
 * Facts of a chain as it came in a message, every signature verified up to one of `roots` (DER). Undefined when it
 * is too long or not made of certificates. A root at the end of it is left out: trust comes from `roots` only.
 */
export function readChain(sent: readonly Uint8Array[], roots: readonly Uint8Array[]): ChainFacts | undefined {
  if (sent.length > longestChain || sent.some((der) => der.length > largestCertificate)) return undefined;
  try {
    const own = sent.filter((der) => !roots.some((root) => Buffer.from(root).equals(der)));
    const chain = own.map((der) => new X509Certificate(der));
    const trusted = roots.map((root) => new X509Certificate(root));
    return {
      certificates: own.map((der) => readCertificate(der)),
      genuine: chain.map((certificate, index) => {
        const above = chain[index + 1];
        return (above === undefined ? trusted : [above]).some((issuer) => signed(issuer, certificate));
      }),
    };
  } catch {
    return undefined;
  }
}

function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
