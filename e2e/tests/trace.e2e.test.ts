import { afterAll, beforeAll, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

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

it.each([
  ['control', 7440, ['fairlead_controller_services', 'fairlead_controller_queue_depth']],
  ['cloudagent', 7422, ['fairlead_load_balancers', 'fairlead_pool_free', 'fairlead_machine_lag_generations']],
  ['lb-1', 7431, ['fairlead_haproxy_reloads_total', 'fairlead_lbagent_apply_seconds_bucket']],
])('%s has metrics and says that it is well', async (host, port, names) => {
  const { address } = (await lab.status()).find(({ name }) => name === host)!;
  const base = `http://${address.split('/')[0]}:${port}`;
  expect(await lab.must('client', ['curl', '-sf', `${base}/healthz`])).toBeDefined();
  const metrics = await lab.must('client', ['curl', '-sf', `${base}/metrics`]);
  for (const name of [...names, 'fairlead_certificate_seconds_left']) {
    expect(metrics).toMatch(new RegExp(`^${name}(\\{.*\\})? [\\d.]+$`, 'm'));
  }
});
