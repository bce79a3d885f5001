/** PEM of DER certificates, in the order given. */
export function certificatesToPem(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}

/** DER certificates of a PEM text, in order; text around them is allowed. Throws when a block is cut off. */
export function certificatesOfPem(pem: string): Buffer[] {
  const begun = pem.split('-----BEGIN CERTIFICATE-----').length - 1;
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (blocks.length !== begun) throw new Error('a PEM certificate is cut off or malformed');
  return blocks.map((block) => Buffer.from(block[1] ?? '', 'base64'));
}
