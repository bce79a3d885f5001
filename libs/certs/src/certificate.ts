import { createHash, randomBytes, randomInt, sign, type KeyObject } from 'node:crypto';
import {
  bits,
  decodeDer,
  encodeDer,
  explicit,
  implicit,
  integer,
  integerOfBytes,
  membersOf,
  octets,
  oid,
  sequence,
  set,
  time,
  utf8,
  yes,
  type Der,
} from './der.ts';
import type { Usage } from './identity.ts';
import { publicKeyToDer } from './keys.ts';

/** A certificate to be signed; all of it is decided by the issuer. */
export interface CertificateTemplate {
  readonly publicKey: KeyObject;
  /** Attributes of the subject; empty for leaves, whose only name is `uri`. */
  readonly subject: readonly { readonly oid: string; readonly text: string }[];
  readonly uri?: string;
  /** Milliseconds since 1970; written in whole seconds, rounded down. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly role:
    { readonly ca: true; readonly pathLength: number } | { readonly ca: false; readonly usages: readonly Usage[] };
}

/** Who signs: a P-256 key with its certificate, or with none when the certificate signs itself. */
export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificate?: Uint8Array;
}

/** Object identifiers of the X.500 attributes in use. */
export const attribute = { commonName: '2.5.4.3', organisation: '2.5.4.10', organisationalUnit: '2.5.4.11' } as const;

/** Object identifiers of certificate extensions (RFC 5280, 4.2.1). */
export const extension = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Object identifiers of the extended key usages. */
export const usageOid = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;

const ecdsaWithSha256 = (): Der => sequence(oid('1.2.840.10045.4.3.2'));

/** Signs a certificate (X.509 v3, ECDSA with SHA-256) with a new random serial; DER. */
export function signCertificate(template: CertificateTemplate, signer: Signer): Buffer {
  const subject = nameOf(template.subject);
  const toBeSigned = sequence(
    explicit(0, integer(2)),
    integerOfBytes(randomSerial()),
    ecdsaWithSha256(),
    signer.certificate === undefined ? subject : subjectOf(signer.certificate),
    sequence(time(template.notBefore), time(template.notAfter)),
    subject,
    decodeDer(publicKeyToDer(template.publicKey)),
    explicit(3, sequence(...extensionsOf(template, signer))),
  );
  const signature = sign('sha256', encodeDer(toBeSigned), signer.privateKey);
  return encodeDer(sequence(toBeSigned, ecdsaWithSha256(), bits(signature)));
}

function extensionsOf(template: CertificateTemplate, signer: Signer): Der[] {
  const { role, uri } = template;
  const list = [
    role.ca
      ? extensionOf(extension.basicConstraints, sequence(yes(), integer(role.pathLength)), true)
      : extensionOf(extension.basicConstraints, sequence(), true),
    // keyCertSign and cRLSign are bits 5 and 6, digitalSignature is bit 0.
    extensionOf(extension.keyUsage, role.ca ? bits(Buffer.of(0x06), 1) : bits(Buffer.of(0x80), 7), true),
    extensionOf(extension.subjectKeyIdentifier, octets(keyIdentifier(template.publicKey)), false),
    extensionOf(extension.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(signer.publicKey))), false),
  ];
  if (!role.ca) {
    list.push(
      extensionOf(extension.extendedKeyUsage, sequence(...role.usages.map((usage) => oid(usageOid[usage]))), false),
    );
  }
  if (uri !== undefined) {
    // Critical when there is no subject (RFC 5280, 4.2.1.6).
    const critical = template.subject.length === 0;
    list.push(extensionOf(extension.subjectAltName, sequence(implicit(6, Buffer.from(uri, 'latin1'))), critical));
  }
  return list;
}

function extensionOf(id: string, value: Der, critical: boolean): Der {
  return critical ? sequence(oid(id), yes(), octets(encodeDer(value))) : sequence(oid(id), octets(encodeDer(value)));
}

function nameOf(attributes: CertificateTemplate['subject']): Der {
  return sequence(...attributes.map((one) => set(sequence(oid(one.oid), utf8(one.text)))));
}

function subjectOf(certificate: Uint8Array): Der {
  const subject = membersOf(membersOf(decodeDer(certificate))[0])[5];
  if (subject === undefined) throw new Error('malformed certificate: no subject');
  return subject;
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyToDer(key)).digest().subarray(0, 20);
}

function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = randomInt(1, 128);
  return serial;
}
