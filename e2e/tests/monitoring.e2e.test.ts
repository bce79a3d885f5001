import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { run } from '../lab/command.ts';
import { ensureParts } from '../lab/parts.ts';
import { MONITORING } from '../lab/parts/needed.ts';
import { DELIVERED, Prometheus } from './prometheus.ts';

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({ name: `trace-${process.pid}`, kubernetes: kubernetes() });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 1));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

async function logLines(host: string, program: string): Promise<Record<string, unknown>[]> {
  const { text } = (await lab.logs(host)).find(({ name }) => name === program)!;
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('one trace id leads from a Service through every log to the machines that serve it', async () => {
  await cluster.apply(loadBalancerService('traced', 'web'));
  await cluster.address('traced');
  const { uid } = (await cluster.service('traced')).metadata;
  const asked = (await logLines('control', 'controller-1')).find(({ id }) => id === uid)!;
  const traceId = asked['trace_id'];
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  const sameTrace = (line: Record<string, unknown>) => line['trace_id'] === traceId;
  expect((await logLines('cloudagent', 'cloudagent')).filter(sameTrace).map(({ id }) => id)).toContain(uid);
  await eventually(async () => {
    for (const { name } of lab.site.machines) {
      const applied = (await logLines(name, 'lbagent')).filter(sameTrace);
      expect(applied.map(({ msg }) => msg)).toContain('applied');
    }
  });
});

function addressOf(host: string): string {
  const { control, cloudagent, machines } = lab.site;
  return [control, cloudagent, ...machines].find(({ name }) => name === host)!.address;
}

it.each([
  ['control', 7440],
  ['cloudagent', 7422],
  ['lb-1', 7431],
])('%s says that it is well', async (host, port) => {
  const asked = lab.must('client', ['curl', '-sf', `http://${addressOf(host)}:${port}/healthz`]);
  await expect(asked).resolves.toBeDefined();
});

it('promtool finds nothing wrong with the delivered scrape configuration, alerts and promises about them', async () => {
  const { bin } = await ensureParts({ needed: MONITORING });
  for (const check of [
    ['check', 'config', `${DELIVERED}/prometheus.yaml`],
    ['check', 'rules', `${DELIVERED}/alerts.yaml`],
    ['test', 'rules', `${DELIVERED}/alerts.test.yaml`],
  ]) {
    const { code, stdout, stderr } = await run([`${bin}/promtool`, ...check]);
    expect({ check, code, said: code === 0 ? '' : stdout + stderr }).toEqual({ check, code: 0, said: '' });
  }
});

it('a real Prometheus scrapes all three services, is quiet while all is well, and names what is not', async () => {
  const machines = lab.site.machines.map(({ name }) => `${addressOf(name)}:7431`);
  const prometheus = await Prometheus.start(lab, {
    'fairlead-controller': [`${addressOf('control')}:7440`],
    'fairlead-cloudagent': [`${addressOf('cloudagent')}:7422`],
    'fairlead-lbagent': machines,
  });
  await eventually(async () => {
    const targets = await prometheus.targets();
    expect(targets).toHaveLength(2 + machines.length);
    expect(targets.filter((target) => !target.endsWith(' up'))).toEqual([]);
  }, 30);
  for (const name of await metricsOfAlerts()) {
    expect({ name, series: (await prometheus.query(`count(${name})`)).length }).toEqual({ name, series: 1 });
  }
  await eventually(async () => expect(await prometheus.unwellRules()).toEqual([]), 30);
  await eventually(async () => expect(await prometheus.alerts()).toEqual([]), 30);

  const address = await cluster.address('traced');
  for (const { name } of lab.site.machines) await lab.cut(name);
  await eventually(async () => {
    const firing = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
    const summaries = firing.map(({ annotations }) => annotations['summary']);
    expect(summaries).toContain(`${address} of ${lab.site.cluster.name} default/traced is not served`);
    for (const { name } of lab.site.machines) {
      expect(summaries).toContain(`LB machine ${name} of set default is away: it may go on serving what it knows`);
    }
  }, 60);
  for (const { name } of lab.site.machines) await lab.heal(name);
  await eventually(async () => expect(await prometheus.alerts()).toEqual([]), 60);
});

/** Every metric that an alert asks for; without the one that is there only when something is wrong, and Prometheus's own. */
async function metricsOfAlerts(): Promise<string[]> {
  const { groups } = parse(await readFile(`${DELIVERED}/alerts.yaml`, 'utf8')) as {
    groups: { rules: { expr: string }[] }[];
  };
  const names = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => expr.match(/\bfairlead_\w+/g) ?? []));
  return [...new Set(names)].filter((name) => name !== 'fairlead_load_balancer_unserved');
}
