import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/control-loop';
import { CertificatesService, createClient, openChannel } from '@fairlead/rpc';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startKubernetes, type Kubernetes } from '../test/kubernetes.ts';
import { eventually, freePort } from '../test/loopback.ts';
import { runProgram, type Program } from '../test/program.ts';
import { applyRbac, createNode, services, type RawService } from '../test/rig.ts';
import { openApi } from './cluster/api.ts';
import type { Api } from './cluster/api.ts';

/** The real programs, over mutual TLS; the site has no LB machines, so nothing is ever served. */
const SITE = `apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: lan}
spec: {subnets: [10.0.0.0/24], gateways: [10.0.0.1]}
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec: {network: lan, ranges: [10.0.0.150-10.0.0.151], quarantine: 0s}
---
apiVersion: fairlead.dev/v1
kind: NodeIpPool
metadata: {name: machines}
spec: {network: lan, ranges: [10.0.0.20-10.0.0.29]}
---
apiVersion: fairlead.dev/v1
kind: LoadBalancerSet
metadata: {name: default}
spec: {sku: haproxy, count: 2, nodeIpPool: machines, vipPools: [default]}
---
apiVersion: fairlead.dev/v1
kind: Cluster
metadata: {name: prod}
spec: {loadBalancerSet: default, nodeCIDRs: [10.1.0.0/24], podCIDRs: [10.200.0.0/16]}
`;

const MAIN = join(import.meta.dirname, 'main.ts');
const CLOUDAGENT = join(import.meta.dirname, '..', '..', 'cloudagent', 'src', 'main.ts');

let directory: string;
let kubernetes: Kubernetes;
let admin: Api;
let service: ReturnType<typeof services>;
let cloudagent: Program;
let metricsPort: number;
let ports: readonly number[];
const running: Program[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-main-'));
  kubernetes = await startKubernetes();
  admin = openApi(kubernetes.kubeConfig('admin'), systemClock);
  await applyRbac(admin);
  service = services(admin);
  writeFileSync(path('kubeconfig'), kubernetes.kubeConfigText('controller'), { mode: 0o600 });
  writeFileSync(path('site.yaml'), SITE);
  metricsPort = await freePort();
  ports = [await freePort(), await freePort(), await freePort()];
  cloudagent = await startCloudagent();
  writeFileSync(path('token'), await joinToken('prod'), { mode: 0o600 });
});
afterEach(async () => {
  for (const program of running.splice(0)) await end(program, 'SIGKILL');
});
afterAll(async () => {
  if (cloudagent !== undefined) await end(cloudagent, 'SIGKILL');
  admin?.close();
  await kubernetes?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const path = (name: string): string => join(directory, name);

async function startCloudagent(): Promise<Program> {
  const flags = {
    site: path('site.yaml'),
    'site-name': 'test',
    'state-dir': path('state'),
    'identity-dir': path('identity'),
    'admin-socket': path('admin.sock'),
    listen: `127.0.0.1:${ports[0]}`,
    'join-listen': `127.0.0.1:${ports[1]}`,
    'metrics-listen': `127.0.0.1:${ports[2]}`,
  };
  const program = runProgram(CLOUDAGENT, argvOf(flags));
  await eventually(`the cloudagent has started:\n${program.output()}`, () => isThere('admin.sock'), 20_000);
  return program;
}

function isThere(name: string): boolean {
  return statSync(path(name), { throwIfNoEntry: false }) !== undefined;
}

async function joinToken(cluster: string): Promise<string> {
  const channel = openChannel(`unix:${path('admin.sock')}`, undefined);
  try {
    const { token } = await createClient(CertificatesService, channel).createJoinToken({
      kind: 'controller',
      name: cluster,
    });
    return token;
  } finally {
    channel.close();
  }
}

function argvOf(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
}

function startController(more: Readonly<Record<string, string>> = {}): Program {
  const flags = {
    cluster: 'prod',
    'pki-dir': path('pki'),
    kubeconfig: path('kubeconfig'),
    identity: 'me',
    'metrics-listen': `127.0.0.1:${metricsPort}`,
    ...more,
  };
  const program = runProgram(MAIN, argvOf(flags));
  running.push(program);
  return program;
}

async function end(program: Program, signal: NodeJS.Signals): Promise<number | null> {
  program.signal(signal);
  return program.ended;
}

async function told(name: string, type: string, status: string): Promise<RawService> {
  return eventually(`${name}: ${type} is ${status}`, async () => {
    const found = await service.get(name);
    const condition = found?.status.conditions?.find((one) => one.type === `fairlead.dev/${type}`);
    return condition?.status === status && found;
  });
}

async function metrics(): Promise<string> {
  return fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((response) => response.text());
}

it('enrols with its token, has addresses allocated, tells what is waited for, and retires in good order', async () => {
  await createNode(admin, 'node-1', '10.1.0.1');
  await createNode(admin, 'stray', '10.9.0.1');
  const controller = startController({ 'join-token-file': path('token') });
  await service.create('a', { loadBalancerIP: '10.0.0.151' });
  const a = await told('a', 'AddressAllocated', 'True');
  expect(a.status.loadBalancer.ingress).toBeUndefined();
  expect(a.status.conditions!.find(({ type }) => type.endsWith('Programmed'))).toMatchObject({
    status: 'False',
    reason: 'Pending',
    message: expect.stringContaining('has no machine'),
  });
  expect(await metrics()).toMatch(/fairlead_certificate_seconds_left 8\d{4}/);
  const stray = await eventually('an event for the stray node', async () => {
    const [found] = await service.events('stray');
    return found;
  });
  expect(stray).toMatchObject({ type: 'Warning', reason: 'BackendRefused' });

  expect(await end(controller, 'SIGTERM')).toBe(0);
  const lease = await admin.request({
    method: 'GET',
    path: '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-controller',
  });
  expect(lease).toMatchObject({ spec: { holderIdentity: '' } });
  expect(controller.output()).not.toContain('fairlead1.');
});

it('goes on with its certificate, refuses an address that is held by name of the holder, and serves who waited', async () => {
  startController();
  await told('a', 'Accepted', 'True');
  await service.create('b', { loadBalancerIP: '10.0.0.151' });
  const refused = await told('b', 'AddressAllocated', 'False');
  const condition = refused.status.conditions!.find(({ type }) => type.endsWith('AddressAllocated'))!;
  expect(condition).toMatchObject({ reason: 'AddressHeld', message: expect.stringContaining('prod/default/a') });
  await service.remove('a');
  await service.gone('a');
  await told('b', 'AddressAllocated', 'True');

  await service.create('c');
  await told('c', 'AddressAllocated', 'True');
  await service.create('d');
  const waiting = await told('d', 'AddressAllocated', 'False');
  expect(waiting.status.conditions!.find(({ type }) => type.endsWith('AddressAllocated'))).toMatchObject({
    reason: 'PoolExhausted',
    message: expect.stringContaining('pool default is full'),
  });
  await service.remove('c');
  await service.gone('c');
  await told('d', 'AddressAllocated', 'True');
});

it('goes on when the cloudagent was killed and started again', async () => {
  startController();
  await told('b', 'Accepted', 'True');
  await end(cloudagent, 'SIGKILL');
  rmSync(path('admin.sock'), { force: true });
  cloudagent = await startCloudagent();
  await service.remove('b');
  await service.gone('b');
  await service.create('e');
  expect(await told('e', 'AddressAllocated', 'True')).toBeDefined();
});

it.each<[string, Readonly<Record<string, string>>, number, string]>([
  [
    'a token of another cluster',
    { cluster: 'other', 'pki-dir': 'new', 'join-token-file': 'fresh-token' },
    1,
    'is for controller/prod of site test',
  ],
  ['no certificate and no token', { 'pki-dir': 'new' }, 1, 'give --join-token-file'],
  ['a token file that is not there', { 'pki-dir': 'new', 'join-token-file': 'none' }, 1, 'look at --join-token-file'],
  ['a used token', { 'pki-dir': 'new', 'join-token-file': 'token' }, 1, 'was used already'],
  ['two wrong flags', { cluster: 'Prod', workers: '0' }, 2, '--workers "0"'],
])('ends with a word on what to do when there is %s', async (_name, flags, code, message) => {
  writeFileSync(path('fresh-token'), await joinToken('prod'), { mode: 0o600 });
  rmSync(path('new'), { recursive: true, force: true });
  const files = ['pki-dir', 'join-token-file'];
  const located = Object.entries(flags).map(([flag, value]) => [flag, files.includes(flag) ? path(value) : value]);
  const controller = startController(Object.fromEntries(located) as Record<string, string>);
  expect(await controller.ended).toBe(code);
  expect(controller.output()).toContain(message);
});
