import { X509Certificate } from 'node:crypto';
import { extension, usageOid } from './certificate.ts';
import type { CertificateFacts } from './chain.ts';
import { contentOf, decodeDer, isBoolean, isTagged, membersOf, oidOf, type Der } from './der.ts';
import type { Usage } from './identity.ts';

/**
 * What a certificate says of itself, read strictly. Throws on anything malformed. Says nothing on whether it is
 * genuine: that is in its signatures.
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const certificate = new X509Certificate(der);
  const extensions = extensionsOf(certificate.raw);
  const { ca, pathLength } = basicConstraintsOf(extensions.get(extension.basicConstraints)?.value);
  return {
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    ca,
    ...(pathLength === undefined ? {} : { pathLength }),
    ...namesOf(extensions.get(extension.subjectAltName)?.value),
    ...keyUsageOf(extensions.get(extension.keyUsage)?.value),
    usages: usagesOf(extensions.get(extension.extendedKeyUsage)?.value),
    unknownCritical: [...extensions].filter(([id, one]) => one.critical && !understood.has(id)).map(([id]) => id),
  };
}

const understood = new Set<string>(Object.values(extension));

function extensionsOf(der: Uint8Array): Map<string, { critical: boolean; value: Der }> {
  const toBeSigned = membersOf(membersOf(decodeDer(der))[0]);
  const tagged = toBeSigned.find((member) => isTagged(member, 3));
  const found = new Map<string, { critical: boolean; value: Der }>();
  if (tagged === undefined) return found;
  for (const one of membersOf(membersOf(tagged)[0])) {
    const [id, ...rest] = membersOf(one);
    const name = oidOf(id);
    if (found.has(name)) throw new Error(`malformed certificate: extension ${name} twice`);
    found.set(name, { critical: isBoolean(rest[0]), value: decodeDer(contentOf(rest.at(-1))) });
  }
  return found;
}

function basicConstraintsOf(value: Der | undefined): { ca: boolean; pathLength?: number } {
  if (value === undefined) return { ca: false };
  const [flag, length] = membersOf(value);
  if (flag === undefined) return { ca: false };
  const ca = isBoolean(flag) && contentOf(flag)[0] !== 0;
  return length === undefined ? { ca } : { ca, pathLength: contentOf(length).readUIntBE(0, contentOf(length).length) };
}

/** The URIs (tag 6) and how many names of other kinds there are. */
function namesOf(value: Der | undefined): { uris: string[]; otherNames: number } {
  const names = value === undefined ? [] : membersOf(value);
  const uris = names.filter((name) => isTagged(name, 6));
  return { uris: uris.map((name) => contentOf(name).toString('latin1')), otherNames: names.length - uris.length };
}

function keyUsageOf(value: Der | undefined): { signsCertificates: boolean; signsHandshakes: boolean } {
  const first = value === undefined ? 0 : (contentOf(value)[1] ?? 0);
  return { signsCertificates: (first & 0x04) !== 0, signsHandshakes: (first & 0x80) !== 0 };
}

function usagesOf(value: Der | undefined): Usage[] {
  const listed = new Set(value === undefined ? [] : membersOf(value).map((one) => oidOf(one)));
  return (['serverAuth', 'clientAuth'] as const).filter((usage) => listed.has(usageOid[usage]));
}
