import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { ChartLab, NAMESPACE } from './chart-lab.ts';
import { CHARTS, type Values } from './helm.ts';

interface Secret {
  readonly metadata: { readonly uid: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface Labelled {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly containers: readonly [{ readonly livenessProbe: Probe; readonly readinessProbe: Probe }] };
  readonly status: { readonly podIP: string };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

type Chart = keyof typeof CHARTS;

const AUTHORITY = 'fairlead-cloudagent-ca';
const CERTIFICATE = 'fairlead-controller-certificate';
const CLAIM = 'fairlead-cloudagent-store';
const POD = 'fairlead-cloudagent-0';
const WAIT = ['--wait', '--timeout=90s'];

describe.each([3, 4] as const)('by helm %i', (major) => {
  let site: ChartLab;
  /** What an operator types at a desk outside of the cluster. */
  let type: (line: string) => Promise<string>;
  let address: string;
  beforeAll(async () => {
    site = await ChartLab.start(major);
  });
  afterAll(async () => {
    await site?.down();
  });

  const helm = (word: 'install' | 'upgrade', chart: Chart, values: Values, flags: readonly string[] = WAIT) =>
    site.helm.must([word, `fairlead-${chart}`, CHARTS[chart], '--namespace', NAMESPACE, ...flags], values);
  const release = (word: string, chart: Chart, ...flags: string[]) =>
    site.helm.must([word, `fairlead-${chart}`, ...flags, '--namespace', NAMESPACE, ...WAIT]);
  const answers = () => site.lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
  const secret = (name: string) => site.get<Secret>('secret', name);
  const controllers = async () => {
    const argv = ['get', 'pods', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=controller', '-o', 'json'];
    return (JSON.parse(await site.cluster.kubectl(argv)) as { items: Pod[] }).items;
  };

  it('a site has its cloudagent, which makes its own authority, and machines join it', async () => {
    const notes = await helm('install', 'cloudagent', site.cloudagentValues());
    expect(notes).toContain('tokens create operator $USER --role admin | fairlead login');
    const { data = {} } = await secret(AUTHORITY);
    expect(Object.keys(data).sort()).toEqual(['issuing.crt', 'issuing.key', 'root.crt', 'root.key', 'site.json']);
    await site.joinMachines();
    type = await site.openDesk();
    expect(await type('fairlead get machines')).toMatch(/lb-2/);
  });

  it('both controllers of a cluster get a certificate with the one join token of the notes', async () => {
    const notes = await helm('install', 'controller', site.controllerValues(), []);
    expect(Object.keys((await secret(CERTIFICATE)).data ?? {})).toEqual([]);
    await type(commandIn(notes, 'fairlead tokens create controller'));
    await type(commandIn(notes, 'kubectl rollout status'));
    expect(Object.keys((await secret(CERTIFICATE)).data ?? {})).toHaveLength(4);
    expect(await controllers()).toHaveLength(2);
    const { metadata } = await site.get<Labelled>('lease', 'fairlead-controller');
    expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'Helm' });
  });

  it('a Service gets an address that answers', async () => {
    await site.cluster.apply(echoDeployment('web', 2), loadBalancerService('web', 'web'));
    address = await site.cluster.address('web', 30);
    await eventually(async () => expect(await answers()).toContain('web-'));
  });

  it('the containers run as nobody in particular, without a right, on a root that cannot be written', async () => {
    for (const { metadata, spec, status } of [await site.get<Pod>('pod', POD), ...(await controllers())]) {
      const of = await site.lab.must(site.lab.site.control.name, [
        'cat',
        `/proc/${await site.pid(metadata.name)}/status`,
      ]);
      expect(of).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
      expect(of).toMatch(/^CapEff:\t0+$/m);
      expect(of).toMatch(/^NoNewPrivs:\t1$/m);
      const write = `require('node:fs').writeFileSync('/usr/written', '')`;
      await expect(site.exec(metadata.name, ['/usr/local/bin/node', '-e', write])).rejects.toThrow(/EROFS/);
      const [{ livenessProbe, readinessProbe }] = spec.containers;
      for (const { httpGet } of [livenessProbe, readinessProbe]) {
        const port = metadata.name === POD ? 7422 : 7440;
        await site.lab.must('node-1', ['curl', '-sf', `http://${status.podIP}:${port}${httpGet.path}`]);
        expect(httpGet.port).toBe('metrics');
      }
    }
  });

  it('a resource that is added to the values is there without a restart', async () => {
    const before = await site.get<Pod>('pod', POD);
    const values = site.cloudagentValues();
    const pool = { network: 'lan', ranges: ['10.9.101.1-10.9.101.9'], autoAssign: false };
    const document = { apiVersion: 'fairlead.dev/v1', kind: 'VipPool', metadata: { name: 'added' }, spec: pool };
    await helm('upgrade', 'cloudagent', { ...values, site: [...(values['site'] as unknown[]), document] });
    await eventually(async () => expect(await type('fairlead get vippools')).toContain('added'));
    expect((await site.get<Pod>('pod', POD)).metadata.uid).toBe(before.metadata.uid);
  });

  it('an upgrade replaces the Pods and keeps authority, certificate, store and address', async () => {
    const before = { authority: await secret(AUTHORITY), certificate: await secret(CERTIFICATE), pods: await pods() };
    const disk = (await site.get<Secret>('persistentvolumeclaim', CLAIM)).metadata.uid;
    await helm('upgrade', 'cloudagent', { ...site.cloudagentValues(), podAnnotations: { turn: 'second' } });
    await helm('upgrade', 'controller', { ...site.controllerValues(), podAnnotations: { turn: 'second' } });
    expect((await pods()).filter((uid) => before.pods.includes(uid))).toEqual([]);
    expect((await secret(AUTHORITY)).data).toEqual(before.authority.data);
    expect((await secret(CERTIFICATE)).data).toEqual(before.certificate.data);
    expect((await site.get<Secret>('persistentvolumeclaim', CLAIM)).metadata.uid).toBe(disk);
    expect(await site.cluster.address('web')).toBe(address);
    await answers();
  });

  it('an upgrade that cannot start is told, stops nothing, and is rolled back', async () => {
    const wrong = { ...site.cloudagentValues(), siteName: 'other' };
    await expect(helm('upgrade', 'cloudagent', wrong, ['--wait', '--timeout=12s'])).rejects.toThrow(
      /timed? ?out|deadline exceeded|not ready/i,
    );
    const logs = await site.lab.logs(`pod-${NAMESPACE}-${POD}`);
    expect(logs.map(({ text }) => text).join('')).toContain('holds the identity of site "lab", not of "other"');
    await answers();
    await release('rollback', 'cloudagent');
    await type('fairlead show');
    await answers();
  });

  it('a certificate that somebody deletes from its Secret is put back', async () => {
    const before = await secret(CERTIFICATE);
    const patch = [
      'patch',
      'secret',
      CERTIFICATE,
      '-n',
      NAMESPACE,
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/data"}]',
    ];
    await site.cluster.kubectl(patch);
    // Not compared by `toEqual`, which would print the key.
    const isBack = async (): Promise<boolean> => isDeepStrictEqual((await secret(CERTIFICATE)).data, before.data);
    await eventually(async () => expect(await isBack()).toBe(true), 60);
  });

  it('what is uninstalled leaves what would be missed, and serves on when it is installed again', async () => {
    await release('uninstall', 'controller');
    await release('uninstall', 'cloudagent');
    await eventually(async () => {
      expect(await site.leftovers()).toEqual([
        `persistentvolumeclaim/${CLAIM}`,
        `secret/${AUTHORITY}`,
        'secret/fairlead-join-token',
      ]);
    }, 30);
    await answers();

    await helm('install', 'cloudagent', site.cloudagentValues());
    await type('kubectl delete secret fairlead-join-token -n fairlead-system');
    const notes = await helm('install', 'controller', site.controllerValues(), []);
    await type(commandIn(notes, 'fairlead tokens create controller'));
    await type(commandIn(notes, 'kubectl rollout status'));
    await site.cluster.apply(loadBalancerService('later', 'web'));
    expect(await site.cluster.address('later', 30)).not.toBe(address);
    expect(await site.cluster.address('web')).toBe(address);
    await answers();
  });

  async function pods(): Promise<string[]> {
    return [await site.get<Pod>('pod', POD), ...(await controllers())].map(({ metadata }) => metadata.uid);
  }
});

/** The command of the notes that begins so, on as many lines as it has. */
function commandIn(notes: string, beginning: string): string {
  const lines = notes.slice(notes.indexOf(`  ${beginning}`)).split('\n');
  const end = lines.findIndex((line) => !line.endsWith('|'));
  if (!lines[0]?.startsWith(`  ${beginning}`)) throw new Error(`the notes have no ${beginning}: ${notes}`);
  return lines.slice(0, end + 1).join('\n');
}
