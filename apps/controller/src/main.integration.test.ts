import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../test/loopback.ts';
import { type Programs, startPrograms } from '../test/programs.ts';
import { createNode, services, type RawService } from '../test/rig.ts';

let programs: Programs;
let service: ReturnType<typeof services>;
beforeAll(async () => {
  programs = await startPrograms();
  service = services(programs.admin);
});
afterEach(() => programs.endControllers());
afterAll(() => programs?.stop());

const path = (name: string): string => programs.at(name);
const startController: Programs['startController'] = (...how) => programs.startController(...how);

async function told(name: string, type: string, status: string): Promise<RawService> {
  return eventually(`${name}: ${type} is ${status}`, async () => {
    const found = await service.get(name);
    const condition = found?.status.conditions?.find((one) => one.type === `fairlead.dev/${type}`);
    return condition?.status === status && found;
  });
}

async function metrics(): Promise<string> {
  return fetch(`http://127.0.0.1:${programs.metricsPort}/metrics`).then((response) => response.text());
}

it('enrols with its token, has addresses allocated, tells what is waited for, and retires in good order', async () => {
  await createNode(programs.admin, 'node-1', '10.1.0.1');
  await createNode(programs.admin, 'stray', '10.9.0.1');
  const controller = startController();
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

  controller.signal('SIGTERM');
  expect(await controller.ended).toBe(0);
  const lease = await programs.admin.request({
    method: 'GET',
    path: '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-controller',
  });
  expect(lease).toMatchObject({ spec: { holderIdentity: '' } });
  expect(controller.output()).not.toContain('fairlead1.');
});

it('goes on with its certificate, refuses an address that is held by name of the holder, and serves who waited', async () => {
  startController({ 'join-token-file': '' });
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
  await programs.killCloudagent();
  await programs.startCloudagent();
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
  ['no certificate and no token', { 'pki-dir': 'new', 'join-token-file': '' }, 1, 'give --join-token-file'],
  ['a token file that is not there', { 'pki-dir': 'new', 'join-token-file': 'none' }, 1, 'look at --join-token-file'],
  ['a used token', { 'pki-dir': 'new', 'join-token-file': 'token' }, 1, 'was used already'],
  ['two wrong flags', { cluster: 'Prod', workers: '0' }, 2, '--workers "0"'],
])('ends with a word on what to do when there is %s', async (_name, flags, code, message) => {
  writeFileSync(path('fresh-token'), await programs.joinToken('prod'), { mode: 0o600 });
  rmSync(path('new'), { recursive: true, force: true });
  const files = ['pki-dir', 'join-token-file'];
  const located = Object.entries(flags).map(([flag, value]) => [
    flag,
    files.includes(flag) && value !== '' ? path(value) : value,
  ]);
  const controller = startController(Object.fromEntries(located) as Record<string, string>);
  expect(await controller.ended).toBe(code);
  expect(controller.output()).toContain(message);
});
