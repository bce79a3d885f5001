/** State of a socket that listens, in /proc/net/tcp (include/net/tcp_states.h). */
const LISTENS = '0A';

/** Who takes connections to loopback, as /proc/net/tcp and tcp6 write addresses on a little-endian machine. */
const REACHES = {
  /** 127.0.0.1, 0.0.0.0, :: and ::ffff:127.0.0.1. */
  '127.0.0.1': ['0100007F', '00000000', '0'.repeat(32), '0000000000000000FFFF00000100007F'],
  /** ::1 and ::. */
  '::1': ['00000000000000000000000001000000', '0'.repeat(32)],
} as const;

/** True when a socket of these tables (proc(5), /proc/net/tcp) takes connections to that host and port. PURE. */
export function isListening(tables: string, host: keyof typeof REACHES, port: number): boolean {
  const reaches: readonly string[] = REACHES[host];
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return tables.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', at] = local.split(':');
    return state === LISTENS && at === wanted && reaches.includes(address);
  });
}
