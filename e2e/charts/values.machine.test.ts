import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CHARTS, Helm, type Values } from './helm.ts';

interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly rules?: readonly unknown[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

type Chart = keyof typeof CHARTS;

const GOOD: Readonly<Record<Chart, Values>> = {
  controller: { cluster: 'prod' },
  cloudagent: { siteName: 'home', advertise: { control: 'site.example:7420', join: '[fd00::1]:7421' } },
};

/** Chart, what is wrong, and the one sentence that says so. */
const BAD: readonly (readonly [Chart, Values, RegExp])[] = [
  ['controller', { cluster: '' }, /^cluster is not set: name this cluster as the site's Cluster resource does/m],
  ['controller', { cluster: 'Prod' }, /^cluster "Prod" is no name: use 1-63 of a-z, 0-9 and "-"$/m],
  ['controller', { cloudagent: 'somewhere' }, /^cloudagent "somewhere" is no address: write HOST:PORT/m],
  ['controller', { clusterName: 'prod' }, /clusterName'? (is )?not allowed/],
  ['controller', { replicas: 0 }, /replicas'?: (Must be greater than or equal to 1|minimum: got 0, want 1)/],
  ['controller', { joinToken: { existingSecret: '' } }, /joinToken[./]existingSecret'?: .*(equal to 1|want 1)/],
  ['controller', { image: { digest: 'latest' } }, /^image\.digest "latest" is none: write sha256:/m],
  ['controller', { serviceAccount: { create: false } }, /^serviceAccount\.name is empty .*: name the service account/m],
  ['controller', { metrics: { serviceMonitor: { interval: 'often' } } }, /interval "often" is no duration: write/],
  ['cloudagent', { siteName: '' }, /^siteName is not set: choose a name for the site and keep it/m],
  ['cloudagent', { advertise: { join: '' } }, /^advertise\.join is not set: say where LB machines,/m],
  ['cloudagent', { advertise: { control: 'site' } }, /^advertise\.control "site" is no address: write HOST:PORT/m],
  ['cloudagent', { persistence: { size: 'large' } }, /^persistence\.size "large" is no size: write for example 1Gi$/m],
  ['cloudagent', { service: { type: 'External' } }, /service[./]type'?: .*one of.*NodePort.*LoadBalancer.*ClusterIP/],
  [
    'cloudagent',
    { service: { nodePorts: { join: '30421' } } },
    /nodePorts[./]join'?: .*(integer, given: string|want integer)/,
  ],
  ['cloudagent', { extraArgs: ['leaf-lifetime'] }, /^extraArgs: "leaf-lifetime" is no flag: write --NAME=VALUE/m],
  [
    'cloudagent',
    { site: [{ apiVersion: 'fairlead.dev/v1', kind: 'Pool', metadata: { name: 'a' }, spec: {} }] },
    /site[./]0[./]kind'?: .*VipPool/,
  ],
];

describe.each([3, 4] as const)('helm %i', (major) => {
  let helm: Helm;
  beforeAll(async () => {
    helm = await Helm.open(major);
  });
  afterAll(() => helm?.close());

  const render = async (chart: Chart, values: Values = {}): Promise<KubeObject[]> => {
    const argv = ['template', `fairlead-${chart}`, CHARTS[chart], '--namespace', 'fairlead-system'];
    const text = await helm.must(argv, { ...GOOD[chart], ...values });
    return parseAllDocuments(text).flatMap((document) => (document.toJS() as KubeObject | null) ?? []);
  };

  it.each(['controller', 'cloudagent'] as const)('finds nothing to say about the chart of the %s', async (chart) => {
    expect(await helm.must(['lint', '--strict', CHARTS[chart]], GOOD[chart])).toContain(
      '1 chart(s) linted, 0 chart(s) failed',
    );
  });

  it.each(BAD)('tells a %s with %j what to write instead', async (chart, values, sentence) => {
    const merged = merge(GOOD[chart], values);
    expect(await helm.refusal(['template', 'x', CHARTS[chart]], merged)).toMatch(sentence);
  });

  it('tells all that is missing at once', async () => {
    const said = await helm.refusal(['template', 'x', CHARTS.cloudagent]);
    for (const value of ['siteName', 'advertise.control', 'advertise.join'])
      expect(said).toContain(`\n${value} is not set`);
  });

  it('gives the controller the rights that it has without helm, and the one Secret of its certificate', async () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../apps/controller/rbac.yaml'), 'utf8');
    const plain = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
    const rules = (objects: readonly KubeObject[], wanted: string) =>
      objects.find(({ kind }) => kind === wanted)?.rules ?? [];
    const chart = await render('controller');
    expect(rules(chart, 'ClusterRole')).toEqual(rules(plain, 'ClusterRole'));
    expect(rules(chart, 'Role')).toEqual([
      ...rules(plain, 'Role'),
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['fairlead-controller-certificate'],
        verbs: ['get', 'patch'],
      },
    ]);
  });

  it('makes what the values want and nothing else', async () => {
    const kinds = async (chart: Chart, values: Values): Promise<string[]> =>
      (await render(chart, values)).map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
    const lean = {
      serviceAccount: { create: false, name: 'mine' },
      rbac: { create: false },
      metrics: { service: { enabled: false } },
    };
    expect(await kinds('controller', { ...lean, replicas: 1, certificate: { existingSecret: 'mine' } })).toEqual([
      'Deployment/fairlead-controller',
      'Lease/fairlead-controller',
    ]);
    const kept = { ca: { existingSecret: 'mine' }, persistence: { existingClaim: 'mine' } };
    expect(await kinds('cloudagent', { ...lean, ...kept })).toEqual([
      'Service/fairlead-cloudagent',
      'StatefulSet/fairlead-cloudagent',
    ]);
    const monitored = await kinds('cloudagent', { metrics: { serviceMonitor: { enabled: true } } });
    expect(monitored).toContain('ServiceMonitor/fairlead-cloudagent');
  });
});

function merge(good: Values, bad: Values): Values {
  const entries = Object.entries(bad).map(([name, value]) => {
    const old = good[name];
    const both = typeof old === 'object' && typeof value === 'object' ? { ...old, ...value } : value;
    return [name, both] as const;
  });
  return { ...good, ...Object.fromEntries(entries) };
}
