import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/control-loop';
import { CertificatesService, createClient, openChannel } from '@fairlead/rpc';
import { nodeCommand, type Program, runProgram } from '@fairlead/testing';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startKubernetes, type Kubernetes } from '../test/kubernetes.ts';
import { eventually, freePort } from '../test/loopback.ts';
import { applyRbac } from '../test/rig.ts';
import { openApi } from './cluster/api.ts';
import type { Api } from './cluster/api.ts';

/** What keeps a controller from its work: one sentence with the fix; and it works by itself once that is done. */
const CONTROLLER = nodeCommand(join(import.meta.dirname, 'main.ts'));
const CLOUDAGENT = nodeCommand(join(import.meta.dirname, '../../cloudagent/src/main.ts'));

const SITE = `apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: lan}
spec: {subnets: [10.0.0.0/24], gateways: [10.0.0.1]}
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec: {network: lan, ranges: [10.0.0.150-10.0.0.151]}
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

let directory: string;
let kubernetes: Kubernetes;
let admin: Api;
let cloudagent: Program;
let metricsPort: number;
const running: Program[] = [];
const at = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-bad-controller-'));
  kubernetes = await startKubernetes();
  admin = openApi(kubernetes.kubeConfig('admin'), systemClock);
  await applyRbac(admin);
  writeFileSync(at('kubeconfig'), kubernetes.kubeConfigText('controller'), { mode: 0o600 });
  metricsPort = await freePort();
  writeFileSync(at('site.yaml'), SITE);
  const flags = {
    site: at('site.yaml'),
    'site-name': 'lab',
    'state-dir': at('state'),
    'identity-dir': at('identity'),
    listen: `127.0.0.1:${await freePort()}`,
    'join-listen': `127.0.0.1:${await freePort()}`,
    'metrics-listen': '127.0.0.1:0',
    'admin-socket': at('admin.sock'),
  };
  cloudagent = runProgram([...CLOUDAGENT, ...argvOf(flags)]);
  await eventually('the cloudagent has started', () => cloudagent.output().includes('"msg":"started"'), 20_000);
  writeFileSync(at('token'), await makeToken(), { mode: 0o600 });
});
afterEach(async () => {
  for (const program of running.splice(0)) await end(program);
});
afterAll(async () => {
  if (cloudagent !== undefined) await end(cloudagent);
  admin?.close();
  await kubernetes?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function argvOf(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
}

async function makeToken(): Promise<string> {
  const channel = openChannel(`unix:${at('admin.sock')}`, undefined);
  try {
    return (await createClient(CertificatesService, channel).createJoinToken({ kind: 'controller', name: 'prod' }))
      .token;
  } finally {
    channel.close();
  }
}

async function end(program: Program): Promise<void> {
  program.signal('SIGKILL');
  await program.ended;
}

function start(more: Readonly<Record<string, string>> = {}, environment: NodeJS.ProcessEnv = process.env): Program {
  const flags = {
    cluster: 'prod',
    'pki-dir': at('pki'),
    'join-token-file': at('token'),
    kubeconfig: at('kubeconfig'),
    identity: 'me',
    'metrics-listen': `127.0.0.1:${metricsPort}`,
    ...more,
  };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== ''));
  const program = runProgram([...CONTROLLER, ...argvOf(given)], { environment });
  running.push(program);
  return program;
}

/** What it says on standard error when it ends. */
async function refusal(program: Program): Promise<readonly [number | null, readonly string[]]> {
  const code = await program.ended;
  const lines = program.output().split('\n');
  return [code, lines.flatMap((line) => (line.startsWith('controller: ') ? [line.slice(12)] : []))];
}

const readiness = (): Promise<string> =>
  fetch(`http://127.0.0.1:${metricsPort}/readyz`).then(
    (response) => response.text(),
    () => '',
  );

it.each<[string, string | undefined, RegExp]>([
  ['is not there', undefined, /^--kubeconfig: the kubeconfig \S+\/other cannot be used \(\S+ is not there: make it/],
  ['is no YAML', 'a: [b', /^--kubeconfig: the kubeconfig \S+\/other cannot be used \(/],
  [
    'is of another kind',
    'kind: Pod\n',
    /^--kubeconfig: the kubeconfig \S+\/other (cannot be used|names no current cluster)/,
  ],
])('a kubeconfig that %s ends it with code 2', async (_what, text, sentence) => {
  rmSync(at('other'), { force: true });
  if (text !== undefined) writeFileSync(at('other'), text);
  expect(await refusal(start({ kubeconfig: at('other') }))).toEqual([2, [expect.stringMatching(sentence)]]);
});

it('without a kubeconfig, and not in a pod, it ends with code 2', async () => {
  const { PATH } = process.env;
  expect(await refusal(start({ kubeconfig: '' }, { PATH, HOME: directory }))).toEqual([
    2,
    ['--kubeconfig: there is no kubeconfig, and this is no pod with a service account: give one'],
  ]);
});

it('the port of its metrics in other hands ends it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(metricsPort, '127.0.0.1', resolve));
  const [code, said] = await refusal(start());
  await new Promise((resolve) => server.close(resolve));
  expect([code, said]).toEqual([
    1,
    [expect.stringMatching(/^--metrics-listen: 127\.0\.0\.1:\d+ is taken by another process/)],
  ]);
});

const RULES = '/apis/rbac.authorization.k8s.io/v1';
const CLUSTER_ROLE = `${RULES}/clusterroles/fairlead-controller`;
const ROLE = `${RULES}/namespaces/fairlead-system/roles/fairlead-controller`;

interface Role {
  readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

it.each<[string, string, RegExp]>([
  ['services', CLUSTER_ROLE, /cannot list resource "services" in API group ""/],
  ['endpointslices', CLUSTER_ROLE, /cannot list resource "endpointslices" in API group "discovery\.k8s\.io"/],
  ['nodes', CLUSTER_ROLE, /cannot list resource "nodes"/],
  [
    'leases',
    ROLE,
    /cannot get resource "leases" in API group "coordination\.k8s\.io" in the namespace "fairlead-system"/,
  ],
])(
  'without the right to %s it names what is missing, and works by itself when it has it',
  async (what, path, missing) => {
    const role = (await admin.request({ method: 'GET', path })) as Role;
    const rules = role.rules.map((rule) => ({ ...rule, resources: rule.resources.filter((each) => each !== what) }));
    const lesser = { ...role, rules: rules.filter(({ resources }) => resources.length > 0) };
    await put(path, lesser);
    const controller = start();
    const sentence = new RegExp(
      `the API server does not allow what the controller needs: .*${missing.source}.*: apply its rbac\\.yaml`,
    );
    const errors = (): string[] =>
      controller
        .output()
        .split('\n')
        .filter((line) => line.includes('"level":"error"'));
    await eventually(
      `it is told:\n${controller.output()}`,
      () => errors().some((line) => sentence.test(unquoted(line))),
      20_000,
    );
    await eventually('not ready for that', async () => sentence.test(await readiness()));
    expect(controller.output()).not.toContain('"stack"');
    await put(path, role);
    await eventually(`ready:\n${controller.output()}`, async () => (await readiness()) === 'ok\n', 40_000);
  },
);

const unquoted = (line: string): string => (JSON.parse(line) as { msg: string }).msg;

async function put(path: string, role: Role): Promise<void> {
  const { metadata, ...rest } = role as Role & { metadata: { name: string; namespace?: string } };
  const { name, namespace } = metadata;
  const body = { ...rest, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
  await admin.request({ method: 'PUT', path, body });
}

it('an API server that does not know it, and one that is away, are told apart', async () => {
  writeFileSync(at('other'), kubernetes.kubeConfigText('controller').replace(/token: [^}]*/, 'token: nobody'));
  const stranger = start({ kubeconfig: at('other') });
  await eventually('told', () => stranger.output().includes('the API server does not know who asks (401)'), 20_000);
  await end(stranger);
  writeFileSync(at('other'), kubernetes.kubeConfigText('controller', await freePort()));
  const alone = start({ kubeconfig: at('other') });
  await eventually(
    'told',
    () => /the API server does not answer \(.*ECONNREFUSED.*\): see that it runs/.test(alone.output()),
    20_000,
  );
  expect(alone.output()).not.toContain('"stack"');
});

it('a cloudagent that does not take its calls is named once, with what to do, and by readiness too', async () => {
  const elsewhere = `127.0.0.1:${await freePort()}`;
  const sentence = `the cloudagent at ${elsewhere} refuses connections: see that it runs, and that it listens there`;
  const controller = start({ cloudagent: elsewhere });
  await eventually('not ready for that', async () => (await readiness()).includes(sentence), 40_000);
  const lines = controller.output().split('\n');
  expect(lines.filter((line) => line.includes(sentence))).toEqual([
    expect.stringMatching(/"level":"warn".*"msg":"no session with the cloudagent, trying again: the cloudagent at/),
  ]);
  await end(controller);
  start();
  await eventually('ready', async () => (await readiness()) === 'ok\n', 40_000);
});
