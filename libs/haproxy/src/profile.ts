import { type Algorithm, isCheckPath } from '@fairlead/model';
import { hash32 } from './hash.ts';

/** The path that kube-proxy answers health checks at, for nodes and for Services of policy Local. */
export const HEALTHZ_PATH = '/healthz';

/** What HAProxy fixes for a backend when it starts. What is absent is as in `PLAIN`. */
export interface Profile {
  /** Absent: round robin. */
  readonly algorithm?: Exclude<Algorithm, 'roundrobin'>;
  /** The backend asks its servers by HTTP GET. Absent: checks, if any, are each server's own or another's. */
  readonly check?: HttpCheck;
  readonly connectTimeoutMs?: number;
  readonly serverTimeoutMs?: number;
  /** How long an established connection may be silent. */
  readonly idleTimeoutMs?: number;
  /** A client's connections go to one server, until it has made none for so long. */
  readonly affinitySeconds?: number;
}

export interface HttpCheck {
  readonly path: string;
  /** The one that means alive; absent: every 2xx and 3xx. */
  readonly status?: number;
}

export const PLAIN: Profile = {};
export const HEALTHZ: Profile = { check: { path: HEALTHZ_PATH } };

/** Those that every machine has slots of before anybody asks for them. */
export const COMMON_PROFILES: readonly Profile[] = [PLAIN, HEALTHZ];

/** Short, unique for the profile, of small letters and digits. */
export function profileName(profile: Profile): string {
  const { algorithm, check, affinitySeconds } = profile;
  const timeouts = [profile.connectTimeoutMs, profile.serverTimeoutMs, profile.idleTimeoutMs];
  const parts = [
    algorithm,
    affinitySeconds === undefined ? undefined : `affinity${affinitySeconds}`,
    check && checkName(check),
    timeouts.some((each) => each !== undefined) ? `timeouts${digest(timeouts.join())}` : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return 'plain';
  return parts.length === 1 ? parts[0]! : `mix${digest(parts.join())}`;
}

function checkName({ path, status }: HttpCheck): string {
  if (path === HEALTHZ_PATH && status === undefined) return 'healthz';
  return `http${digest(status === undefined ? path : `${path} ${status}`)}`;
}

function digest(text: string): string {
  return hash32(text).toString(16).padStart(8, '0');
}

/** The backend whose table remembers clients for so long, shared by all of that time-out. */
export function affinityTable(seconds: number): string {
  return `affinity_${seconds}`;
}

/** Whether a backend of that name is such a table. */
export function isAffinityTable(name: string): boolean {
  return name.startsWith('affinity_');
}

/** The lines of a backend that its profile decides. */
export function profileLines(profile: Profile): readonly string[] {
  const { connectTimeoutMs, serverTimeoutMs, idleTimeoutMs, affinitySeconds, check } = profile;
  return [
    'mode tcp',
    ...BALANCE[profile.algorithm ?? 'roundrobin'],
    'option redispatch 1',
    ...timeoutLine('connect', connectTimeoutMs),
    ...timeoutLine('server', serverTimeoutMs),
    ...timeoutLine('tunnel', idleTimeoutMs),
    ...(check ? [`option httpchk GET ${checkPath(check.path)}`] : []),
    ...(check?.status === undefined ? [] : [`http-check expect status ${check.status}`]),
    ...(affinitySeconds === undefined ? [] : [`stick on src,concat(|,sess.k) table ${affinityTable(affinitySeconds)}`]),
  ].map((line) => `    ${line}`);
}

/** `sess.k` is the VIP and port, as in the service map. Servers that come at run time are only taken by these. */
const BALANCE: Readonly<Record<Algorithm, readonly string[]>> = {
  roundrobin: ['balance roundrobin'],
  leastconn: ['balance leastconn'],
  source: ['balance source', 'hash-type consistent'],
  hash: [
    'tcp-request content set-var(txn.sp) src_port',
    'balance hash src,concat(|,txn.sp),concat(|,sess.k)',
    'hash-type consistent',
  ],
};

function timeoutLine(name: string, milliseconds: number | undefined): readonly string[] {
  return milliseconds === undefined ? [] : [`timeout ${name} ${milliseconds}ms`];
}

function checkPath(text: string): string {
  if (!isCheckPath(text)) throw new Error(`${JSON.stringify(text)} cannot be a check path: refuse it before rendering`);
  return text;
}
