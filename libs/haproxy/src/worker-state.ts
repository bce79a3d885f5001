import { type Address, parseAddress } from '@fairlead/model';

/** What a running worker serves, as its run-time socket tells. */
export interface WorkerState {
  readonly info: WorkerInfo;
  /** Every backend by name, also those without servers. */
  readonly backends: ReadonlyMap<string, ObservedBackend>;
  /** The service map: `VIP|port` to backend name. */
  readonly services: ReadonlyMap<string, string>;
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
  /** Undefined when what haproxy has is not an address. */
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

// Check state bit of haproxy's check-t.h.
const CHECK_ENABLED = 0x04;

// Admin state bits of haproxy's server-t.h: maintenance from the CLI, from a tracked server, from the file.
const FORCED_MAINTENANCE = 0x01;

/** Reads the reply to `show servers state`. Throws on any other shape: no decision is made on half an answer. */
export function parseServersState(reply: string): ReadonlyMap<string, ObservedBackend> {
  const [version, header, ...rows] = reply.split('\n');
  if (version !== SERVER_STATE_VERSION || header?.startsWith('# be_id be_name srv_id srv_name srv_addr ') !== true) {
    throw new Error(`show servers state: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  }
  const columns = header.slice(2).split(' ');
  const at = Object.fromEntries(COLUMNS.map((name) => [name, columns.indexOf(name)])) as Record<Column, number>;
  const missing = COLUMNS.filter((name) => at[name] < 0);
  if (missing.length > 0) throw new Error(`show servers state: no column ${missing.join(', ')}`);
  const backends = new Map<string, { id?: number; servers: Map<string, ObservedServer> }>();
  for (const row of rows) {
    if (row === '') continue;
    const fields = row.split(' ');
    if (fields.length !== columns.length) throw new Error(`show servers state: cannot read ${JSON.stringify(row)}`);
    const backendName = fields[at.be_name]!;
    let backend = backends.get(backendName);
    if (!backend) {
      backend = {
        ...(fields[at.bk_f_forced_id] === '1' ? { id: integer(fields[at.be_id]!, row) } : {}),
        servers: new Map(),
      };
      backends.set(backendName, backend);
    }
    const server = readServer(fields, at, row);
    backend.servers.set(server.name, server);
  }
  return backends;
}

const COLUMNS = [
  'be_id',
  'be_name',
  'srv_id',
  'srv_name',
  'srv_addr',
  'srv_op_state',
  'srv_admin_state',
  'srv_time_since_last_change',
  'srv_check_state',
  'bk_f_forced_id',
  'srv_port',
] as const;
type Column = (typeof COLUMNS)[number];

function readServer(fields: readonly string[], at: Record<Column, number>, row: string): ObservedServer {
  const address = parseAddress(fields[at.srv_addr]!);
  return {
    name: fields[at.srv_name]!,
    id: integer(fields[at.srv_id]!, row),
    address: address.ok ? address.value : undefined,
    port: integer(fields[at.srv_port]!, row),
    maintenance: (integer(fields[at.srv_admin_state]!, row) & FORCED_MAINTENANCE) !== 0,
    // 0 stopped, 1 starting, 2 running, 3 stopping.
    up: integer(fields[at.srv_op_state]!, row) > 0,
    checked: (integer(fields[at.srv_check_state]!, row) & CHECK_ENABLED) !== 0,
    secondsInState: integer(fields[at.srv_time_since_last_change]!, row),
  };
}

/** Reads the reply to `show backend`. */
export function parseBackendNames(reply: string): readonly string[] {
  const [header, ...names] = reply.split('\n');
  if (header !== '# name') throw new Error(`show backend: unexpected beginning ${JSON.stringify(reply.slice(0, 100))}`);
  return names.filter((name) => name !== '');
}

/** Reads the reply to `show map FILE`: each line is `POINTER KEY VALUE`. */
export function parseServiceMap(reply: string): ReadonlyMap<string, string> {
  const services = new Map<string, string>();
  for (const line of reply.split('\n')) {
    if (line === '') continue;
    const match = /^0x[0-9a-f]+ (\S+) (\S+)$/.exec(line);
    if (!match) throw new Error(`show map: cannot read ${JSON.stringify(line.slice(0, 200))}`);
    services.set(match[1]!, match[2]!);
  }
  return services;
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
