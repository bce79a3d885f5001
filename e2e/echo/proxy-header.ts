/** A PROXY header: who is spoken for, as `ADDRESS:PORT`, and what came after it. */
export interface ProxyHeader {
  readonly version: 'v1' | 'v2';
  readonly client: string;
  readonly rest: string;
}

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_BEGINNING = 16;
const V1_LONGEST = 107;

/** Reads the header that a connection begins with (haproxy's proxy-protocol.txt); undefined: it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'more' | undefined {
  const signature = bytes.subarray(0, V2_SIGNATURE.length);
  if (signature.equals(V2_SIGNATURE.subarray(0, signature.length))) return readV2(bytes);
  const end = bytes.indexOf('\r\n');
  if (end < 0)
    return bytes.length < V1_LONGEST && 'PROXY '.startsWith(bytes.toString('latin1', 0, 6)) ? 'more' : undefined;
  const match = /^PROXY TCP[46] (\S+) \S+ (\d+) \d+$/.exec(bytes.toString('latin1', 0, end));
  return match
    ? { version: 'v1', client: `${match[1]}:${match[2]}`, rest: bytes.toString('utf8', end + 2) }
    : undefined;
}

function readV2(bytes: Buffer): ProxyHeader | 'more' | undefined {
  if (bytes.length < V2_BEGINNING) return 'more';
  const end = V2_BEGINNING + bytes.readUInt16BE(14);
  if (bytes.length < end) return 'more';
  const rest = bytes.toString('utf8', end);
  const at = V2_BEGINNING;
  // Version 2, command PROXY; TCP over IPv4 or IPv6.
  if (bytes[12] !== 0x21) return undefined;
  if (bytes[13] === 0x11) {
    return {
      version: 'v2',
      client: `${[...bytes.subarray(at, at + 4)].join('.')}:${bytes.readUInt16BE(at + 8)}`,
      rest,
    };
  }
  if (bytes[13] !== 0x21) return undefined;
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + 2 * index).toString(16));
  return { version: 'v2', client: `[${words.join(':')}]:${bytes.readUInt16BE(at + 32)}`, rest };
}
