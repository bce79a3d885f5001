/** The part of node-forge that is used: DER in and out. node-forge ships no types. */
declare module 'node-forge/lib/asn1.js' {
  export interface Asn1Node {
    readonly tagClass: number;
    readonly type: number;
    readonly constructed: boolean;
    /** Children when constructed, else the content as a binary (latin1) string. */
    readonly value: Asn1Node[] | string;
  }
  const asn1: {
    create(tagClass: number, type: number, constructed: boolean, value: readonly Asn1Node[] | string): Asn1Node;
    toDer(node: Asn1Node): { getBytes(): string };
    fromDer(
      bytes: string,
      options?: { strict?: boolean; parseAllBytes?: boolean; decodeBitStrings?: boolean; maxDepth?: number },
    ): Asn1Node;
    oidToDer(oid: string): { getBytes(): string };
    derToOid(bytes: string): string;
    dateToUtcTime(date: Date): string;
    dateToGeneralizedTime(date: Date): string;
    integerToDer(value: number): { getBytes(): string };
  };
  export default asn1;
}
