/** State of a socket that listens, in /proc/net/tcp (include/net/tcp_states.h). */
const LISTENS = '0A';

/** 127.0.0.1, 0.0.0.0, :: and ::ffff:127.0.0.1, as /proc/net/tcp and tcp6 write them on a little-endian machine. */
const REACHES_LOOPBACK = new Set(['0100007F', '00000000', '0'.repeat(32), '0000000000000000FFFF00000100007F']);

/** True when a socket of these tables (proc(5), /proc/net/tcp) takes connections to 127.0.0.1 on that port. PURE. */
export function isListening(tables: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return tables.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', at] = local.split(':');
    return state === LISTENS && at === wanted && REACHES_LOOPBACK.has(address);
  });
}
