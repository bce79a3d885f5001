import { afterAll, beforeAll, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers } from './machines.ts';

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({ name: `churn-${process.pid}`, kubernetes: kubernetes() });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 3), loadBalancerService('web', 'web'));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

it('100 changes of backends and 50 new Services fail no connection and reload no HAProxy', async () => {
  const address = await cluster.address('web');
  // Published before its pods were ready; kube-proxy takes a second or so to open the NodePort to them.
  await eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}/`]));
  const prober = await lab.startProber();
  const probe = prober.probe({ address, port: 80, httpPath: '/' });
  const before = await haproxyWorkers(lab);

  // Each label takes a node out of all load balancers, or puts it back.
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  for (let change = 0; change < 100; change += 1) {
    const node = `node-${(Math.floor(change / 2) % 3) + 1}`;
    await cluster.kubectl(['label', '--overwrite', 'node', node, `${label}${change % 2 === 0 ? '=true' : '-'}`]);
  }
  const changed = await probe.report({ reset: true });
  expect({ failures: changed.failures, outages: changed.outages }).toEqual({ failures: {}, outages: [] });

  const names = Array.from({ length: 50 }, (_, index) => `new-${index}`);
  await cluster.apply(...names.map((name) => loadBalancerService(name, 'web')));
  const addresses = await Promise.all(names.map((name) => cluster.address(name, 30)));
  expect(new Set([address, ...addresses]).size).toBe(51);
  for (const each of addresses)
    await lab.must('client', ['curl', '-sf', '-m', '2', '-o', '/dev/null', `http://${each}/`]);

  const report = await probe.stop();
  expect({ failures: report.failures, outages: report.outages }).toEqual({ failures: {}, outages: [] });
  expect(await haproxyWorkers(lab)).toEqual(before);
  await eventually(async () => {
    const { stdout } = await lab.exec('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
    expect(stdout).toContain('web-');
  });
});
