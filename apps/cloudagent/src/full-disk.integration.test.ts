import { channelCredentials, materialSource } from '@fairlead/certs';
import {
  CertificatesService,
  type Channel,
  createClient,
  enrol,
  HealthService,
  loadBalancerToProto,
  LoadBalancersService,
  openChannel,
  SiteService,
} from '@fairlead/rpc';
import { type Program, type SmallDisk, nodeCommand, runProgram, siteYaml, smallDisk } from '@fairlead/testing';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { service } from './testing/site.ts';

/** A cloudagent whose disk is full for a while. */
let directory: string;
let disk: SmallDisk;
let cloudagent: Program;
const channels: Channel[] = [];
const at = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-full-'));
  mkdirSync(at('state'));
  writeFileSync(at('site.yaml'), siteYaml());
  disk = await smallDisk(at('state'), 512);
  await startCloudagent();
});
afterAll(async () => {
  for (const channel of channels) channel.close();
  cloudagent?.signal('SIGKILL');
  await cloudagent?.ended;
  await disk?.remove();
  rmSync(directory, { recursive: true, force: true });
});

let ports: { readonly control: number; readonly join: number; readonly metrics: number };

async function startCloudagent(): Promise<void> {
  const flags = {
    site: at('site.yaml'),
    'site-name': 'test',
    'state-dir': at('state'),
    'identity-dir': at('identity'),
    listen: `127.0.0.1:${ports?.control ?? 0}`,
    'join-listen': `127.0.0.1:${ports?.join ?? 0}`,
    'metrics-listen': `127.0.0.1:${ports?.metrics ?? 0}`,
    'admin-socket': at('admin.sock'),
  };
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const command = [...disk.inside, ...nodeCommand(join(import.meta.dirname, 'main.ts')), ...argv];
  cloudagent = runProgram(command as [string, ...string[]]);
  const line = await vi.waitFor(
    () => {
      const found = cloudagent
        .output()
        .split('\n')
        .find((each) => each.includes('"msg":"started"'));
      expect(found).toBeDefined();
      return found!;
    },
    { timeout: 20_000, interval: 20 },
  );
  ports = JSON.parse(line) as typeof ports;
}

function opened(channel: Channel): Channel {
  channels.push(channel);
  return channel;
}

const admin = () => opened(openChannel(`unix:${at('admin.sock')}`, undefined));

async function controller() {
  const { token } = await createClient(CertificatesService, admin()).createJoinToken({
    kind: 'controller',
    name: 'prod',
  });
  const enrolled = await enrol(token, at('pki'));
  if ('refused' in enrolled) throw new Error(enrolled.refused);
  const peer = { kind: 'cloudagent', site: 'test' } as const;
  const credentials = channelCredentials(materialSource(enrolled.enrolment.material), peer);
  return createClient(LoadBalancersService, opened(openChannel(`127.0.0.1:${ports.control}`, credentials)));
}

const problems = async (): Promise<string[]> =>
  (await createClient(HealthService, admin()).checkHealth({ timeoutSeconds: 0 })).problems;

/** What an operator sees on one screen, and what Prometheus does. */
const seen = async () => ({
  shown: (await createClient(SiteService, admin()).show({})).problems,
  writable: /^fairlead_store_writable (\d)$/m.exec(
    await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text(),
  )?.[1],
});

const FULL = /^nothing can be stored in \S+\/cloudagent\.db, its disk is full: make room there$/;

it('a full disk refuses every change with the reason, leaves nothing half done, and is forgotten when there is room', async () => {
  expect(await seen()).toEqual({ shown: [], writable: '1' });
  const client = await controller();
  const { session } = await client.openSession({ cluster: 'prod', holder: 'test' });
  const ensure = (name: string) => client.ensure({ session, loadBalancer: loadBalancerToProto(service(name)) });
  await ensure('before');
  const token = await createClient(CertificatesService, admin()).createJoinToken({
    kind: 'operator',
    name: 'ann',
    role: 'reader',
  });

  disk.fill();
  const refused = {
    status: 'UNAVAILABLE',
    detail: { reason: 'STORE_NOT_WRITABLE', message: expect.stringMatching(FULL) },
  };
  await expect(ensure('during')).rejects.toMatchObject(refused);
  await expect(client.openSession({ cluster: 'prod', holder: 'other' })).rejects.toMatchObject(refused);
  await expect(enrol(token.token, at('ann'))).rejects.toMatchObject(refused);
  expect((await problems()).filter((problem) => problem.startsWith('nothing'))).toEqual([expect.stringMatching(FULL)]);
  expect(await seen()).toEqual({ shown: [expect.stringMatching(FULL)], writable: '0' });
  const logged = cloudagent
    .output()
    .split('\n')
    .filter((line) => line.includes('nothing can be stored'));
  expect(logged).toEqual([expect.stringMatching(/"level":"error"/)]);
  expect(logged[0]).not.toContain('"stack"');

  disk.free();
  await vi.waitFor(async () => expect((await problems()).join()).not.toContain('stored'), { timeout: 10_000 });
  expect(await seen()).toEqual({ shown: [], writable: '1' });
  const { ensured } = await ensure('during');
  expect(ensured?.addresses).toEqual(['10.0.0.151']);
  expect('enrolment' in (await enrol(token.token, at('ann')))).toBe(true);

  cloudagent.signal('SIGKILL');
  await cloudagent.ended;
  await startCloudagent();
  const { held } = await (await controller()).openSession({ cluster: 'prod', holder: 'test' });
  expect(held.map(({ name, addresses }) => [name, ...addresses])).toEqual([
    ['before', '10.0.0.150'],
    ['during', '10.0.0.151'],
  ]);
});
