import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Program } from '@fairlead/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually, freePort } from '../test/loopback.ts';
import { type Programs, startPrograms } from '../test/programs.ts';

/** What keeps a controller from its work: one sentence with the fix; and it works by itself once that is done. */
let programs: Programs;
beforeAll(async () => {
  programs = await startPrograms();
});
afterEach(() => programs.endControllers());
afterAll(() => programs?.stop());

const at = (name: string): string => programs.at(name);
const start: Programs['startController'] = (...how) => programs.startController(...how);

/** What it says on standard error when it ends. */
async function refusal(program: Program): Promise<readonly [number | null, readonly string[]]> {
  const code = await program.ended;
  const lines = program.output().split('\n');
  return [code, lines.flatMap((line) => (line.startsWith('controller: ') ? [line.slice(12)] : []))];
}

const readiness = (): Promise<string> =>
  fetch(`http://127.0.0.1:${programs.metricsPort}/readyz`).then(
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
  expect(await refusal(start({ kubeconfig: '' }, { PATH, HOME: at('.') }))).toEqual([
    2,
    ['--kubeconfig: there is no kubeconfig, and this is no pod with a service account: give one'],
  ]);
});

it('the port of its metrics in other hands ends it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(programs.metricsPort, '127.0.0.1', resolve));
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
    const role = (await programs.admin.request({ method: 'GET', path })) as Role;
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
  await programs.admin.request({ method: 'PUT', path, body });
}

it('an API server that does not know it, and one that is away, are told apart', async () => {
  writeFileSync(at('other'), programs.kubernetes.kubeConfigText('controller').replace(/token: [^}]*/, 'token: nobody'));
  const stranger = start({ kubeconfig: at('other') });
  await eventually('told', () => stranger.output().includes('the API server does not know who asks (401)'), 20_000);
  await programs.endControllers();
  writeFileSync(at('other'), programs.kubernetes.kubeConfigText('controller', await freePort()));
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
  await programs.endControllers();
  start();
  await eventually('ready', async () => (await readiness()) === 'ok\n', 40_000);
});
