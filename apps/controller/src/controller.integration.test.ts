import { pb } from '@fairlead/rpc';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startKubernetes, type Kubernetes } from '../test/kubernetes.ts';
import { eventually } from '../test/loopback.ts';
import { services, startRig, type Rig } from '../test/rig.ts';

let kubernetes: Kubernetes;
let rig: Rig;
let service: ReturnType<typeof services>;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  rig = await startRig(kubernetes);
  service = services(rig.admin);
});
afterEach(async () => {
  await rig.clean();
});
afterAll(async () => {
  await rig?.stop();
  await kubernetes?.stop();
});

it('publishes the address that serves, with its mode and ports, and says so in conditions and events', async () => {
  rig.startController();
  await service.create('front', {
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
  });
  const front = await service.served('front');
  expect(front.status.loadBalancer.ingress).toEqual([
    {
      ip: rig.fake.loadBalancers.size === 1 ? expect.stringMatching(/^192\.0\.2\.\d+$/) : '',
      ipMode: 'Proxy',
      ports: [
        { port: 80, protocol: 'TCP' },
        { port: 443, protocol: 'TCP' },
      ],
    },
  ]);
  expect(front.status.conditions).toMatchObject([
    { type: 'fairlead.dev/Accepted', status: 'True', reason: 'Accepted' },
    { type: 'fairlead.dev/AddressAllocated', status: 'True', reason: 'Allocated' },
    { type: 'fairlead.dev/Programmed', status: 'True', reason: 'Serving' },
  ]);
  const events = await eventually('both events', async () => {
    const found = await service.events('front');
    return found.length >= 2 ? found.map(({ reason }) => reason).sort() : undefined;
  });
  expect(events).toEqual(['EnsuredLoadBalancer', 'EnsuringLoadBalancer']);
});
