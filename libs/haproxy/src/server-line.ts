import { type Address, type CheckPace, formatEndpoint } from '@fairlead/model';
import { hash32 } from './hash.ts';

/** How HAProxy knows that a server is alive. */
export type ServerCheck =
  | { readonly kind: 'none' }
  /** A connection to the server itself. */
  | { readonly kind: 'tcp'; readonly pace?: CheckPace }
  /** The backend's HTTP check; port 0 is the server's own. */
  | { readonly kind: 'http'; readonly port: number; readonly pace?: CheckPace }
  /** The state of a server in another backend. */
  | { readonly kind: 'track'; readonly backend: string; readonly server: string };

export interface Server {
  /** `tcp0`, `tcp1` …: unique in the backend. */
  readonly name: string;
  /** 1 to 2^31-1, unique in the backend, and the same on every machine: consistent hashing goes by it. */
  readonly id: number;
  readonly address: Address;
  readonly port: number;
  readonly check: ServerCheck;
  /** Each connection begins with the client's address, in this version of the PROXY protocol. */
  readonly proxyProtocol?: 1 | 2;
}

/** Intervals in milliseconds. A dead backend is noticed within a second, a living one again within half of one. */
const CHECK_PACE = 'inter 1000ms fastinter 250ms downinter 500ms fall 2 rise 1';

/** The words after the server's name, for haproxy.cfg and for `add server` alike. */
export function serverParameters(server: Server): string {
  const proxy = server.proxyProtocol === undefined ? '' : PROXY_WORDS[server.proxyProtocol];
  const words = [formatEndpoint(server.address, server.port), `id ${server.id}`, proxy, checkWords(server.check)];
  return words.filter((word) => word !== '').join(' ');
}

/** Checks of the server's own port then begin so too. */
const PROXY_WORDS = { 1: 'send-proxy', 2: 'send-proxy-v2' } as const;

function paceWords(pace: CheckPace | undefined): string {
  return pace ? `inter ${pace.intervalMs}ms fall ${pace.fall} rise ${pace.rise}` : CHECK_PACE;
}

function checkWords(check: ServerCheck): string {
  if (check.kind === 'none') return '';
  if (check.kind === 'track') return `track ${check.backend}/${check.server}`;
  const port = check.kind === 'http' && check.port !== 0 ? `port ${check.port} ` : '';
  return `check ${port}${paceWords(check.pace)}`;
}

/**
 * Ids for the servers of one backend, one for each definition, in the order given. A definition is any text that says
 * all that HAProxy fixes when the server is made: another definition is another server.
 */
export function serverIds(definitions: readonly string[]): readonly number[] {
  const taken = new Map<number, string>();
  // Collisions are settled in order of the text, so that the order given does not matter.
  for (const definition of [...new Set(definitions)].sort()) {
    let id = hash32(definition) & 0x7fffffff || 1;
    while (taken.has(id)) id = id === 0x7fffffff ? 1 : id + 1;
    taken.set(id, definition);
  }
  const ids = new Map([...taken].map(([id, definition]) => [definition, id]));
  return definitions.map((definition) => ids.get(definition)!);
}

/** The lowest `tcpN` that is not taken. */
export function freeServerName(taken: ReadonlySet<string>): string {
  let index = 0;
  while (taken.has(`tcp${index}`)) index++;
  return `tcp${index}`;
}
