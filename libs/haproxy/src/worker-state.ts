import { type Address, parseAddress } from '@fairlead/model';

/** What a running worker serves, as its run-time socket tells. */
export interface WorkerState {
  readonly info: WorkerInfo;
  /** Every backend by name, also those without servers. */
  readonly backends: ReadonlyMap<string, ObservedBackend>;
  /** The service map: `VIP|port` to backend name. */
  readonly services: ReadonlyMap<string, string>;
  /** What the map says of quotas, as `quotaText` has it. */
  readonly quotas: ReadonlyMap<string, string>;
}

export interface WorkerInfo {
  readonly version: string;
  readonly pid: number;
  /** Says which text it has loaded; empty when it says nothing. */
  readonly marker: string;
  /** It serves what it has, and takes nothing new. */
  readonly stopping: boolean;
  readonly currentConnections: number;
  readonly maxConnections: number;
}

export interface ObservedBackend {
  /** The number forced in haproxy.cfg; undefined when there is none or it has no server to tell it by. */
  readonly id?: number;
  readonly servers: ReadonlyMap<string, ObservedServer>;
}

export interface ObservedServer {
  readonly name: string;
  readonly id: number;
  /** Undefined when haproxy has none for it yet. */
  readonly address: Address | undefined;
  readonly port: number;
  /** Somebody put it in maintenance: no new connections. */
  readonly maintenance: boolean;
  /** Its check, or the one it tracks, says that it is alive; also when it has none. */
  readonly up: boolean;
  /** A check of its own is switched on. */
  readonly checked: boolean;
  readonly secondsInState: number;
}

const SERVER_STATE_VERSION = '1';

/** What haproxy.cfg gives to a server that waits to be used. */
const NO_ADDRESS = '0.0.0.0';

// Check state bit of haproxy's check-t.h.
const CHECK_ENABLED = 0x04;

// Admin state bits of haproxy's server-t.h: maintenance from the CLI, from a tracked server, from the file.
const FORCED_MAINTENANCE = 0x01;

/** One server, and the backend that it is in. */
export interface ServerRow {
  readonly backend: string;
  /** The number forced in haproxy.cfg. */
  readonly backendId?: number;
  readonly server: ObservedServer;
}

/** Reads the reply to `show servers state`. Throws on any other shape: no decision is made on half an answer. */
export function parseServersState(reply: string): ReadonlyMap<string, ObservedBackend> {
  const backends = new Map<string, { id?: number; servers: Map<string, ObservedServer> }>();
  for (const { backend: name, backendId, server } of readServersState(reply)) {
    let backend = backends.get(name);
    if (!backend) {
      backend = { ...(backendId === undefined ? {} : { id: backendId }), servers: new Map() };
      backends.set(name, backend);
    }
    backend.servers.set(server.name, server);
  }
  return backends;
}

/** The same row by row, those of a backend together. */
export function* readServersState(reply: string): Generator<ServerRow, void> {
  const lines = reply.split('\n');
  const [version, header] = lines;
  if (version !== SERVER_STATE_VERSION || header?.startsWith('# be_id be_name srv_id srv_name srv_addr ') !== true) {
    throw new Error(`show servers state: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  }
  const row = rowPattern(header.slice(2).split(' '));
  const addresses = new Map<string, Address | undefined>();
  for (const line of lines.slice(2)) {
    if (line === '') continue;
    const fields = row.exec(line)?.groups as Record<Column, string> | undefined;
    if (!fields) throw new Error(`show servers state: cannot read ${JSON.stringify(line)}`);
    const { srv_addr } = fields;
    if (!addresses.has(srv_addr)) addresses.set(srv_addr, addressOf(srv_addr));
    const server = readServer(fields, addresses.get(srv_addr));
    const forced = fields.bk_f_forced_id === '1' ? { backendId: Number(fields.be_id) } : {};
    yield { backend: fields.be_name, ...forced, server };
  }
}

/** The reply without servers that have no address: hundreds that wait to be used, and are not worth the reading. */
export function withoutUnused(reply: string): string {
  return reply.replaceAll(UNUSED_ROWS, '');
}

const UNUSED_ROWS = /^\d+ \S+ \d+ \S+ 0\.0\.0\.0 .*\n?/gm;

/** The reply without the seconds that every server has been as it is: else it is never the same twice. */
export function withoutTimes(reply: string): string {
  return reply.replaceAll(TIMES, '$1 ');
}

/** The tenth column, whatever else there is. */
const TIMES = /^((?:[^ \n]+ ){9})\d+ /gm;

/** The columns that matter, and how their fields read. */
const COLUMNS = {
  be_id: '\\d+',
  be_name: '[^ ]+',
  srv_id: '\\d+',
  srv_name: '[^ ]+',
  srv_addr: '[^ ]+',
  srv_op_state: '\\d+',
  srv_admin_state: '\\d+',
  srv_time_since_last_change: '\\d+',
  srv_check_state: '\\d+',
  bk_f_forced_id: '\\d+',
  srv_port: '\\d+',
} as const;
type Column = keyof typeof COLUMNS;

/** A machine has tens of thousands of rows, looked at every few seconds: one pattern reads a row and proves its shape. */
function rowPattern(columns: readonly string[]): RegExp {
  const missing = Object.keys(COLUMNS).filter((name) => !columns.includes(name));
  if (missing.length > 0) throw new Error(`show servers state: no column ${missing.join(', ')}`);
  const fields = columns.map((name) => (name in COLUMNS ? `(?<${name}>${COLUMNS[name as Column]})` : '[^ ]*'));
  return new RegExp(`^${fields.join(' ')}$`);
}

function addressOf(text: string): Address | undefined {
  if (text === NO_ADDRESS) return undefined;
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.value : undefined;
}

function readServer(fields: Record<Column, string>, address: Address | undefined): ObservedServer {
  return {
    name: fields.srv_name,
    id: Number(fields.srv_id),
    address,
    port: Number(fields.srv_port),
    maintenance: (Number(fields.srv_admin_state) & FORCED_MAINTENANCE) !== 0,
    // 0 stopped, 1 starting, 2 running, 3 stopping.
    up: Number(fields.srv_op_state) > 0,
    checked: (Number(fields.srv_check_state) & CHECK_ENABLED) !== 0,
    secondsInState: Number(fields.srv_time_since_last_change),
  };
}

/** Reads the reply to `show backend`. */
export function parseBackendNames(reply: string): readonly string[] {
  const [header, ...names] = reply.split('\n');
  if (header !== '# name') throw new Error(`show backend: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  return names.filter((name) => name !== '');
}

/** Reads the reply to `show info`. */
export function parseInfo(reply: string): WorkerInfo {
  const fields = new Map(
    reply.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  if (fields.get('Name') !== 'HAProxy') {
    throw new Error(`show info: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  }
  const number = (name: string): number => integer(fields.get(name) ?? '', `show info, ${name}`);
  return {
    version: fields.get('Version') ?? '',
    pid: number('Pid'),
    marker: fields.get('description') ?? '',
    stopping: fields.get('Stopping') === '1',
    currentConnections: number('CurrConns'),
    maxConnections: number('Maxconn'),
  };
}

function integer(text: string, where: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`haproxy said ${JSON.stringify(text)} for a number: ${where}`);
  return Number(text);
}
