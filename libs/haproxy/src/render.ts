import type { Address, AddressFamily, Protocol } from '@fairlead/model';
import { familyOf, formatEndpoint, ipv4ToNumber } from '@fairlead/model';
import { backendId, backendName, frontendName, mapKey, slotName } from './names.ts';
import { HEALTHZ_PATH, type Profile, profileLines } from './profile.ts';
import { peerName, type Peers, renderAffinity } from './render-peers.ts';
import { mapValue, type Quota } from './service-map.ts';
import { type Server, serverParameters } from './server-line.ts';

/** All that haproxy.cfg and its map say. */
export interface HaproxyConfig {
  /** Unix socket of the run-time API. */
  readonly statsSocket: string;
  readonly mapFile: string;
  /** Port on loopback that caught connections are sent to. */
  readonly catchPort: number;
  /** Port on 127.0.0.1 that answers every HTTP request with 200 as long as the worker lives. */
  readonly healthPort: number;
  readonly families: readonly AddressFamily[];
  readonly nodeChecks: readonly NodeCheckBackend[];
  readonly backends: readonly NamedBackend[];
  readonly slots: readonly SlotStock[];
  /** Undefined while the machine does not know its set. */
  readonly peers?: Peers;
}

/** Checks that many servers share by `track`: slots with a number each, some in use. */
export interface NodeCheckBackend {
  readonly kind: NodeCheckBackendKind;
  /** How many slots there are, numbered from 0. */
  readonly size: number;
  readonly inUse: ReadonlyMap<number, NodeCheckTarget>;
}

/** `healthz`: HTTP GET /healthz. `tcp`: a connection. */
export type NodeCheckBackendKind = 'healthz' | 'tcp';

export interface NodeCheckTarget {
  readonly address: Address;
  readonly port: number;
}

export interface NamedBackend {
  readonly vip: Address;
  readonly port: number;
  /** UDP: nobody is sent there, its checks say who is alive. Absent: TCP. */
  readonly protocol?: Protocol;
  readonly profile: Profile;
  readonly servers: readonly Server[];
  /** Absent: as many connections as come. */
  readonly quota?: Quota;
  /** Whose it is, for people; anything that is not plain is replaced. */
  readonly owner: string;
}

export interface SlotStock {
  readonly profile: Profile;
  readonly size: number;
}

/** `nodes_healthz`: the backend that carries the shared checks of a kind. */
export function nodeCheckBackendName(kind: NodeCheckBackendKind): string {
  return `nodes_${kind}`;
}

export function nodeCheckServerName(index: number): string {
  return `n${index}`;
}

/** The port of a node-check slot that nobody uses; never asked. */
const UNUSED_CHECK_PORT = 10256;

const NODE_CHECK_PACE = 'inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1';

/** Where the generation marker stands, until the text's own digest is put there. */
export const MARKER_PLACE = 'fairlead-0000000000000000';

/**
 * haproxy.cfg, the same bytes for the same content in any order. The text carries `marker`, which the running worker
 * shows as its description: so one can see which text it has loaded.
 */
export function renderConfig(config: HaproxyConfig, marker?: string): string {
  return [...renderConfigPieces(config, marker)].join('');
}

/** The same piece by piece, the one with the marker first; none takes long, however many services there are. */
export function* renderConfigPieces(config: HaproxyConfig, marker = MARKER_PLACE): Generator<string, void> {
  const local = config.peers ? `    localpeer ${peerName(config.peers.local)}\n` : '';
  yield `${globalAndDefaults(config.statsSocket)}\nglobal\n    description ${marker}\n${local}`;
  yield `\n${renderHealth(config.healthPort)}`;
  yield `\n${QUOTAS}`;
  const affinity = renderAffinity(config.peers, affinityTimes(config));
  if (affinity !== '') yield `\n${affinity}`;
  for (const family of config.families.toSorted()) yield `\n${renderListener(config, family)}`;
  const checks = config.nodeChecks.toSorted((a, b) => a.kind.localeCompare(b.kind));
  for (const each of checks) yield `\n${renderNodeChecks(each)}`;
  let index = 0;
  for (const backend of inOrder(config.backends)) yield `\n${renderBackend(backend, index++)}`;
  for (const stock of config.slots) yield `\n${renderSlots(stock)}`;
}

function affinityTimes({ backends, slots }: HaproxyConfig): readonly number[] {
  return [...backends, ...slots].flatMap(({ profile: { affinitySeconds } }) =>
    affinitySeconds === undefined ? [] : [affinitySeconds],
  );
}

type Mapped = Pick<NamedBackend, 'vip' | 'port' | 'protocol' | 'quota'>;

/** services.map: one `VIP|port backend` a line. */
export function renderServiceMap(backends: readonly Mapped[]): string {
  return [...renderServiceMapPieces(backends)].join('');
}

/** The same line by line. */
export function* renderServiceMapPieces(backends: readonly Mapped[]): Generator<string, void> {
  for (const { vip, port, protocol, quota } of inOrder(backends)) {
    yield `${mapKey(vip, port, protocol)} ${mapValue(backendName(vip, port, protocol), quota)}\n`;
  }
}

/** The seed's `defaults` section, to the letter. */
export const SEED_DEFAULTS = `defaults
    timeout client 30s
    timeout connect 10s
    timeout server 30s
    timeout tunnel 24d
    timeout client-fin 30s
    log global
    option tcplog
    option log-separate-errors
    option log-health-checks
    maxconn 10000
`;

function globalAndDefaults(statsSocket: string): string {
  return `global
    log /dev/log local0 info
    stats socket ${path(statsSocket)} mode 600 level admin
    stats timeout 2m

${SEED_DEFAULTS}`;
}

/** Counts the connections of who has a quota; one that is counted is never forgotten. */
const QUOTAS = `backend quotas
    stick-table type string len 32 size 100k expire 1h store conn_cur
`;

// tcplog's own format, with the names of frontend and backend that the client's view gives them.
const LOG_FORMAT = '"%ci:%cp [%t] frontend_%fi_%fp backend_%fi_%fp/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"';

/** Connections at once through one listener; the process limit (from its file descriptors) comes first. */
const LISTENER_MAXCONN = 1_000_000;

function renderListener(config: HaproxyConfig, family: AddressFamily): string {
  const loopback = family === 'ipv4' ? '127.0.0.1' : '::1';
  const name = family === 'ipv4' ? 'caught_tcp4' : 'caught_tcp6';
  return `# Every VIP:port is caught by nftables (table inet fairlead, set ${family === 'ipv4' ? 'tcp4' : 'tcp6'}) and enters here.
frontend ${name}
    bind ${formatEndpoint(loopback, config.catchPort)} transparent
    mode tcp
    maxconn ${LISTENER_MAXCONN}
    log-format ${LOG_FORMAT}
    tcp-request connection set-var(sess.p) dst_port
    tcp-request connection set-var(sess.k) dst,concat(|,sess.p)
    tcp-request connection set-var(sess.s) var(sess.k),map_str(${path(config.mapFile)})
    tcp-request connection set-var(sess.quota) var(sess.s),field(2,|)
    tcp-request connection track-sc0 var(sess.s),field(3,|) table quotas if { var(sess.s),field(3,|) -m len gt 0 }
    tcp-request connection reject if { sc0_conn_cur(quotas),sub(sess.quota) gt 0 }
    use_backend %[var(sess.s),field(1,|)]
`;
}

function renderHealth(port: number): string {
  return `frontend health
    bind 127.0.0.1:${port}
    mode http
    http-request set-log-level silent
    http-request return status 200
`;
}

function renderNodeChecks(checks: NodeCheckBackend): string {
  const lines = [`backend ${nodeCheckBackendName(checks.kind)}`, '    mode tcp'];
  if (checks.kind === 'healthz') lines.push(`    option httpchk GET ${HEALTHZ_PATH}`);
  lines.push(`    default-server ${NODE_CHECK_PACE}`);
  let index = 0;
  for (const [used, target] of [...checks.inUse].sort(([a], [b]) => a - b)) {
    lines.push(...unusedChecks(index, used));
    lines.push(`    server ${nodeCheckServerName(used)} ${formatEndpoint(target.address, target.port)} check`);
    index = used + 1;
  }
  lines.push(...unusedChecks(index, checks.size));
  return `${lines.join('\n')}\n`;
}

function unusedChecks(from: number, to: number): readonly string[] {
  if (from >= to) return [];
  return [`    server-template n ${from}-${to - 1} 0.0.0.0:${UNUSED_CHECK_PORT} check disabled`];
}

function renderBackend(backend: NamedBackend, index: number): string {
  const { vip, port, protocol } = backend;
  const lines = [
    protocol === 'UDP'
      ? `# UDP ${vip} ${port}, forwarded by nftables to those that are alive here: ${comment(backend.owner)}`
      : `# ${frontendName(vip, port)}: ${comment(backend.owner)}`,
    `backend ${backendName(vip, port, protocol)}`,
    `    id ${backendId(backend.profile, index)}`,
    ...profileLines(backend.profile),
    ...[...backend.servers].sort(byServerName).map((server) => `    server ${server.name} ${serverParameters(server)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function renderSlots(stock: SlotStock): string {
  const lines = profileLines(stock.profile).join('\n');
  const slots = Array.from(
    { length: stock.size },
    (_, index) => `backend ${slotName(stock.profile, index)}\n${lines}\n`,
  );
  return slots.join('');
}

function path(text: string): string {
  if (!/^\/[A-Za-z0-9._\-/]+$/.test(text)) {
    throw new Error(
      `${JSON.stringify(text)} cannot stand in haproxy.cfg: choose an absolute path of letters, digits, "." "_" "-"`,
    );
  }
  return text;
}

function comment(text: string): string {
  return text.slice(0, 200).replace(/[^A-Za-z0-9._/-]/g, '?');
}

/** In order of address (those of IPv6, rarely many, by text), then port, then protocol. */
function inOrder<T extends { vip: Address; port: number; protocol?: Protocol }>(backends: readonly T[]): readonly T[] {
  const keyed = backends.map((each) => ({
    each,
    text: familyOf(each.vip) === 'ipv4' ? '' : each.vip,
    number: familyOf(each.vip) === 'ipv4' ? ipv4ToNumber(each.vip) : 0,
  }));
  keyed.sort((a, b) => compare(a.text, b.text) || a.number - b.number || byPort(a.each, b.each));
  return keyed.map(({ each }) => each);
}

function byPort(
  a: { readonly port: number; readonly protocol?: Protocol },
  b: { readonly port: number; readonly protocol?: Protocol },
): number {
  return a.port - b.port || compare(a.protocol ?? 'TCP', b.protocol ?? 'TCP');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byServerName(a: Server, b: Server): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}
