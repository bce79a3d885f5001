import asn1 from 'node-forge/lib/asn1.js';
import type { Asn1Node } from 'node-forge/lib/asn1.js';

/** A DER value under construction, or one that was read. */
export type Der = Asn1Node;

const universal = 0x00;
const contextSpecific = 0x80;

const type = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utf8String: 12,
  sequence: 16,
  set: 17,
  utcTime: 23,
  generalizedTime: 24,
} as const;

/** Bytes of a DER value. */
export function encodeDer(value: Der): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

/** Reads exactly one DER value of at most 32 levels; throws on anything else. Bit strings stay bytes. */
export function decodeDer(bytes: Uint8Array): Der {
  return asn1.fromDer(Buffer.from(bytes).toString('latin1'), {
    strict: true,
    parseAllBytes: true,
    decodeBitStrings: false,
    maxDepth: 32,
  });
}

/** SEQUENCE. */
export const sequence = (...members: readonly Der[]): Der => asn1.create(universal, type.sequence, true, members);

/** SET. */
export const set = (...members: readonly Der[]): Der => asn1.create(universal, type.set, true, members);

/** OBJECT IDENTIFIER in dotted form. */
export const oid = (dotted: string): Der => asn1.create(universal, type.oid, false, asn1.oidToDer(dotted).getBytes());

/** BOOLEAN TRUE; DER leaves out a default FALSE. */
export const yes = (): Der => asn1.create(universal, type.boolean, false, '\u00ff');

/** INTEGER of a small number. */
export const integer = (value: number): Der =>
  asn1.create(universal, type.integer, false, asn1.integerToDer(value).getBytes());

/** INTEGER of big-endian bytes; the first byte must be 1-127, so that it is positive and minimal. */
export const integerOfBytes = (bytes: Uint8Array): Der => asn1.create(universal, type.integer, false, binary(bytes));

/** OCTET STRING. */
export const octets = (bytes: Uint8Array): Der => asn1.create(universal, type.octetString, false, binary(bytes));

/** BIT STRING, `unused` bits of the last byte not counting. */
export const bits = (bytes: Uint8Array, unused = 0): Der =>
  asn1.create(universal, type.bitString, false, String.fromCodePoint(unused) + binary(bytes));

/** UTF8String. */
export const utf8 = (text: string): Der => asn1.create(universal, type.utf8String, false, binary(Buffer.from(text)));

/** Time as X.509 wants it: UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). Whole seconds. */
export const time = (milliseconds: number): Der => {
  const date = new Date(Math.floor(milliseconds / 1000) * 1000);
  return date.getUTCFullYear() < 2050
    ? asn1.create(universal, type.utcTime, false, asn1.dateToUtcTime(date))
    : asn1.create(universal, type.generalizedTime, false, asn1.dateToGeneralizedTime(date));
};

/** [tag] EXPLICIT. */
export const explicit = (tag: number, member: Der): Der => asn1.create(contextSpecific, tag, true, [member]);

/** [tag] IMPLICIT over bytes. */
export const implicit = (tag: number, bytes: Uint8Array): Der =>
  asn1.create(contextSpecific, tag, false, binary(bytes));

/** Members of a constructed value. Throws for a primitive one. */
export function membersOf(value: Der | undefined): readonly Der[] {
  if (value === undefined || typeof value.value === 'string') throw new Error('malformed DER: expected members');
  return value.value;
}

/** Content of a primitive value. Throws for a constructed one. */
export function contentOf(value: Der | undefined): Buffer {
  if (value === undefined || typeof value.value !== 'string') throw new Error('malformed DER: expected content');
  return Buffer.from(value.value, 'latin1');
}

/** Dotted form of an OBJECT IDENTIFIER. */
export function oidOf(value: Der | undefined): string {
  if (value === undefined || value.type !== type.oid || typeof value.value !== 'string') {
    throw new Error('malformed DER: expected an object identifier');
  }
  return asn1.derToOid(value.value);
}

/** True for [tag] of the context-specific class. */
export function isTagged(value: Der, tag: number): boolean {
  return value.tagClass === contextSpecific && value.type === tag;
}

/** True for a BOOLEAN. */
export function isBoolean(value: Der | undefined): boolean {
  return value !== undefined && value.tagClass === universal && value.type === type.boolean;
}

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
