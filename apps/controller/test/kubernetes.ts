import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '@fairlead/control-loop';
import { openApi } from '../src/cluster/api.ts';
import { freePort } from './loopback.ts';

const VERSION = 'v1.36.2';

export interface Kubernetes {
  readonly port: number;
  /** PEM of the authority that signed the API server's certificate. */
  readonly ca: string;
  /** A kubeconfig for somebody, by way of another port of loopback if given. */
  kubeConfig(user: User, port?: number): KubeConfig;
  kubeConfigText(user: User, port?: number): string;
  /** Ends the API server as a crash would, and starts it again on the same port. */
  restartApiServer(): Promise<void>;
  stop(): Promise<void>;
}

/** `controller` has the rights of rbac.yaml and no others. */
export type User = 'admin' | 'controller';

const USERS: Readonly<Record<User, string>> = {
  admin: 'admin,1,"system:masters"',
  controller: 'system:serviceaccount:fairlead-system:fairlead-controller,2,"system:serviceaccounts"',
};

/** A real etcd and kube-apiserver on loopback, in a directory of their own that `stop` removes. */
export async function startKubernetes(): Promise<Kubernetes> {
  const bin = findBinaries();
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-kubernetes-'));
  const processes: ChildProcess[] = [];
  const tokens = { admin: token(), controller: token() };
  const users = Object.entries(USERS).map(([user, row]) => `${tokens[user as User]},${row}\n`);
  writeFileSync(join(directory, 'tokens.csv'), users.join(''), { mode: 0o600 });
  makeServiceAccountKey(directory);
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];

  const run = (name: string, argv: readonly string[]): ChildProcess => {
    const child = spawn(join(bin, name), argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(directory, `${name}.log`), { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    processes.push(child);
    return child;
  };
  run('etcd', etcdFlags(directory, etcdPort, peerPort));
  const startApiServer = (): ChildProcess => run('kube-apiserver', apiServerFlags(directory, etcdPort, port));
  let apiServer = startApiServer();
  const kubeConfigText = (user: User, at = port): string =>
    kubeconfig({ port: at, ca: servingCa(directory), token: tokens[user] });
  const isReady = (): Promise<boolean> => ready(kubeConfigText('admin'));
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((child) => end(child, 'SIGTERM')));
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    await untilReady(isReady, apiServer, directory);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    ca: servingCa(directory),
    kubeConfig(user, at) {
      const loaded = new KubeConfig();
      loaded.loadFromString(kubeConfigText(user, at));
      return loaded;
    },
    kubeConfigText,
    async restartApiServer() {
      await end(apiServer, 'SIGKILL');
      apiServer = startApiServer();
      await untilReady(isReady, apiServer, directory);
    },
    stop,
  };
}

/** Where envtest looks, then the cache of the lab, which builds them. */
function findBinaries(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const places = [
    process.env['KUBEBUILDER_ASSETS'],
    '/usr/local/kubebuilder/bin',
    join(cache, 'fairlead', 'kube', VERSION, 'bin'),
  ];
  const found = places.find(
    (place) => place !== undefined && ['etcd', 'kube-apiserver'].every((name) => isProgram(join(place, name))),
  );
  if (found !== undefined) return found;
  throw new Error(
    'etcd and kube-apiserver are not here: set KUBEBUILDER_ASSETS to a directory with both, or let the lab build them once with `npm run lab -- up try` (needs Go 1.26)',
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function etcdFlags(directory: string, client: number, peer: number): string[] {
  return [
    `--data-dir=${directory}/etcd`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerFlags(directory: string, etcd: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${directory}/serving`,
    `--token-auth-file=${directory}/tokens.csv`,
    '--authorization-mode=RBAC',
    '--anonymous-auth=false',
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${directory}/service-account.pub`,
    `--service-account-signing-key-file=${directory}/service-account.key`,
    // No controller makes the default service account here.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

function makeServiceAccountKey(directory: string): void {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(join(directory, 'service-account.pub'), pair.publicKey);
  writeFileSync(join(directory, 'service-account.key'), pair.privateKey, { mode: 0o600 });
}

/** The API server makes its own certificate, followed in the file by the authority that signed it; '' until then. */
function servingCa(directory: string): string {
  try {
    const text = readFileSync(join(directory, 'serving', 'apiserver.crt'), 'utf8');
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----\n/g) ?? [];
    return certificates.slice(1).join('');
  } catch {
    return '';
  }
}

function kubeconfig(access: { port: number; ca: string; token: string }): string {
  return `apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: https://127.0.0.1:${access.port}
    tls-server-name: kubernetes.default.svc
    certificate-authority-data: ${Buffer.from(access.ca).toString('base64')}
contexts:
- name: test
  context: {cluster: test, user: test}
users:
- name: test
  user: {token: ${access.token}}
`;
}

async function untilReady(isReady: () => Promise<boolean>, apiServer: ChildProcess, directory: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isReady())) {
    const log = (): string => readFileSync(join(directory, 'kube-apiserver.log'), 'utf8').slice(-2000);
    if (apiServer.exitCode !== null) throw new Error(`kube-apiserver ended:\n${log()}`);
    if (performance.now() > deadline) throw new Error(`kube-apiserver is not ready after 60 s:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ready(kubeConfigText: string): Promise<boolean> {
  const loaded = new KubeConfig();
  loaded.loadFromString(kubeConfigText);
  const api = openApi(loaded, systemClock);
  try {
    // Ready before every hook is done would be too early: RBAC's own roles are made by one.
    await api.request({ method: 'GET', path: '/readyz', timeoutMs: 2_000 });
    await api.request({ method: 'GET', path: '/api/v1/namespaces/default', timeoutMs: 2_000 });
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const cut = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(cut);
}

function token(): string {
  return randomBytes(24).toString('base64url');
}
