import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Machines } from '../machines.ts';

/** The users that the API server knows, by token. */
const USERS = {
  admin: 'system:masters',
  'controller-manager': 'system:masters',
  kubelet: 'system:masters',
  scheduler: 'system:masters',
  'kube-proxy': 'system:node-proxier',
  'system:serviceaccount:fairlead-system:fairlead-controller': 'system:serviceaccounts',
} as const;

export type User = keyof typeof USERS;

export interface ControlPlaneOptions {
  /** The lab's host for etcd, API server and controller manager, and its address. */
  readonly host: string;
  readonly address: string;
  readonly serviceCidr: string;
  readonly podCidr: string;
  /** Directory with the binaries. */
  readonly bin: string;
  readonly apiServerFlags?: readonly string[];
}

export interface ControlPlane {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly tokens: Readonly<Record<User, string>>;
  kubeconfig(user: User, server?: string): string;
}

const DIRECTORY = '/etc/kubernetes';
const CONTROLLERS = [
  'daemonset-controller',
  'deployment-controller',
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'node-lifecycle-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'service-cidr-controller',
  'serviceaccount-controller',
  'statefulset-controller',
  'taint-eviction-controller',
];

/** Starts etcd, kube-apiserver and kube-controller-manager on one host; returns when Pods can be made. */
export async function startControlPlane(machines: Machines, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { host, address, bin } = options;
  const disk = `/run/lab/${host}`;
  const directory = `${disk}${DIRECTORY}`;
  const tokens = await writeCredentials(machines, host);
  const server = `https://${address}:6443`;

  await machines.run({
    host,
    name: 'etcd',
    argv: [
      `${bin}/etcd`,
      `--data-dir=${disk}/var/lib/etcd`,
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
  });
  const started = machines.run({
    host,
    name: 'kube-apiserver',
    readyTimeout: 60_000,
    ready: { kind: 'command', argv: apiReady(bin, directory) },
    argv: [
      `${bin}/kube-apiserver`,
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${address}`,
      '--bind-address=0.0.0.0',
      '--secure-port=6443',
      `--cert-dir=${directory}/serving`,
      `--token-auth-file=${directory}/tokens.csv`,
      '--authorization-mode=RBAC',
      '--anonymous-auth=false',
      '--endpoint-reconciler-type=none',
      '--allow-privileged=true',
      '--profiling=false',
      `--service-cluster-ip-range=${options.serviceCidr}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${directory}/service-account.pub`,
      `--service-account-signing-key-file=${directory}/service-account.key`,
      ...(options.apiServerFlags ?? []),
    ],
  });
  const ca = await servingCa(machines, host);
  const kubeconfig = (user: User, at = server): string => kubeconfigText({ server: at, ca, token: tokens[user] });
  await machines.writeFile(host, `${DIRECTORY}/admin.kubeconfig`, kubeconfig('admin'), 0o600);
  await machines.writeFile(host, `${DIRECTORY}/controller-manager.kubeconfig`, kubeconfig('controller-manager'), 0o600);
  await machines.writeFile(host, `${DIRECTORY}/ca.crt`, ca);
  await started;
  await machines.run({
    host,
    name: 'kube-controller-manager',
    restart: true,
    readyTimeout: 60_000,
    ready: { kind: 'command', argv: serviceAccountReady(bin, directory) },
    argv: [
      `${bin}/kube-controller-manager`,
      `--kubeconfig=${directory}/controller-manager.kubeconfig`,
      `--controllers=${CONTROLLERS.join(',')}`,
      `--service-account-private-key-file=${directory}/service-account.key`,
      `--root-ca-file=${directory}/ca.crt`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cluster-cidr=${options.podCidr}`,
      '--profiling=false',
    ],
  });
  return { server, ca, tokens, kubeconfig };
}

function apiReady(bin: string, directory: string): string[] {
  return [`${bin}/kubectl`, `--kubeconfig=${directory}/admin.kubeconfig`, 'get', '--raw', '/readyz'];
}

/** Pods are refused in a namespace that has no default account yet. */
function serviceAccountReady(bin: string, directory: string): string[] {
  return [`${bin}/kubectl`, `--kubeconfig=${directory}/admin.kubeconfig`, 'get', 'serviceaccount', 'default'];
}

async function writeCredentials(machines: Machines, host: string): Promise<Record<User, string>> {
  const tokens = Object.fromEntries(
    Object.keys(USERS).map((user) => [user, randomBytes(24).toString('base64url')]),
  ) as Record<User, string>;
  const rows = (Object.entries(USERS) as [User, string][]).map(([user, group], index) => {
    const name = user === 'kube-proxy' ? 'system:kube-proxy' : user;
    return `${tokens[user]},${name},${index + 1},"${group}"`;
  });
  await machines.writeFile(host, `${DIRECTORY}/tokens.csv`, `${rows.join('\n')}\n`, 0o600);
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await machines.writeFile(host, `${DIRECTORY}/service-account.key`, pair.privateKey, 0o600);
  await machines.writeFile(host, `${DIRECTORY}/service-account.pub`, pair.publicKey);
  return tokens;
}

/** The API server makes its own certificate, followed in the file by the authority that signed it. */
async function servingCa(machines: Machines, host: string): Promise<string> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const text = await machines.readFile(host, `${DIRECTORY}/serving/apiserver.crt`).catch(() => '');
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----\n/g) ?? [];
    if (certificates.length >= 2) return certificates.slice(1).join('');
    if (performance.now() > deadline) throw new Error(`kube-apiserver on ${host} made no certificate: see its log`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A kubeconfig with one cluster and one user. The name on the certificate is checked whatever address leads there. */
export function kubeconfigText(access: { server: string; ca: string; token: string }): string {
  return `apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster:
    server: ${access.server}
    tls-server-name: kubernetes.default.svc
    certificate-authority-data: ${Buffer.from(access.ca).toString('base64')}
contexts:
- name: lab
  context: {cluster: lab, user: lab}
users:
- name: lab
  user: {token: ${access.token}}
`;
}
