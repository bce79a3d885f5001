import { channelCredentials, materialSource } from '@fairlead/certs';
import {
  CertificatesService,
  createClient,
  enrol,
  loadBalancerToProto,
  LoadBalancersService,
  openChannel,
  type RpcClient,
} from '@fairlead/rpc';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { service } from './testing/site.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
type Channel = ReturnType<typeof openChannel>;

let directory: string;
let ports: { control: number; join: number };
const children = new Set<ChildProcess>();
const channels = new Set<Channel>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-main-'));
  ports = { control: 0, join: 0 };
  writeFileSync(join(directory, 'site.yaml'), siteYaml());
});
afterEach(async () => {
  for (const channel of channels) channel.close();
  channels.clear();
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  children.clear();
  rmSync(directory, { recursive: true, force: true });
});

interface Process {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

function run(more: readonly string[] = [], environment: Record<string, string> = {}): Process {
  const at = (name: string) => join(directory, name);
  const site = [
    '--site',
    at('site.yaml'),
    '--site-name',
    'test',
    '--state-dir',
    at('state'),
    '--identity-dir',
    at('identity'),
  ];
  const listen = ['--listen', `127.0.0.1:${ports.control}`, '--join-listen', `127.0.0.1:${ports.join}`];
  const rest = ['--metrics-listen', '127.0.0.1:0', '--admin-socket', at('admin.sock'), ...more];
  const argv = ['--disable-warning=ExperimentalWarning', MAIN, ...site, ...listen, ...rest];
  const child = spawn(process.execPath, argv, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  return { child, output: () => text, ended };
}

async function started(running: Process): Promise<Process> {
  await vi.waitFor(() => expect(running.output()).toContain('"msg":"started"'), { timeout: 15_000, interval: 20 });
  const line = running
    .output()
    .split('\n')
    .find((text) => text.includes('"msg":"started"'))!;
  ports = JSON.parse(line) as typeof ports;
  return running;
}

/** A controller's client; enrolled once, so that it speaks to every life of the cloudagent. */
async function controller(): Promise<RpcClient<typeof LoadBalancersService>> {
  const admin = openChannel(`unix:${join(directory, 'admin.sock')}`, undefined);
  channels.add(admin);
  const wish = { kind: 'controller', name: 'prod', role: '', lifetimeSeconds: 0 };
  const { token } = await createClient(CertificatesService, admin).createJoinToken(wish);
  const result = await enrol(token, join(directory, `pki-${Math.random()}`));
  if ('refused' in result) throw new Error(result.refused);
  const credentials = channelCredentials(materialSource(result.enrolment.material), {
    kind: 'cloudagent',
    site: 'test',
  });
  const channel = openChannel(`127.0.0.1:${ports.control}`, credentials);
  channels.add(channel);
  return createClient(LoadBalancersService, channel);
}

const wish = (name: string) => loadBalancerToProto(service(name));

describe('the process', () => {
  it.each(['after-commit', 'before-answer'])(
    'killed at failpoint %s gives the same address on retry',
    async (point) => {
      await started(run());
      const first = await controller();
      const { session } = await first.openSession({ cluster: 'prod', holder: 'test' });
      await first.ensure({ session, loadBalancer: wish('other') });
      for (const child of children) child.kill('SIGKILL');

      const dying = await started(run([], { FAIRLEAD_FAILPOINT: point }));
      await expect(first.ensure({ session, loadBalancer: wish('front') })).rejects.toMatchObject({
        status: 'UNAVAILABLE',
      });
      expect((await dying.ended).signal).toBe('SIGKILL');

      await started(run());
      const again = await controller();
      const reign = await again.openSession({ cluster: 'prod', holder: 'test' });
      expect(reign.held.map(({ name, addresses }) => [name, ...addresses])).toEqual([
        ['front', '10.0.0.151'],
        ['other', '10.0.0.150'],
      ]);
      const { ensured } = await again.ensure({ session: reign.session, loadBalancer: wish('front') });
      expect(ensured!.addresses).toEqual(['10.0.0.151']);
    },
  );

  it('ends with code 0 when it is told to, and leaves no socket behind', async () => {
    const running = await started(run());
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    await started(run());
  });

  it('does not start beside another one on the same store, and says so', async () => {
    await started(run());
    ports = { control: 0, join: 0 };
    const second = run(['--admin-socket', join(directory, 'second.sock')]);
    expect((await second.ended).code).toBe(2);
    expect(second.output()).toContain('in use by another cloudagent');
  });

  it('does not start for the first time with a wrong site file, and names every line of it', async () => {
    writeFileSync(
      join(directory, 'site.yaml'),
      siteYaml().replace('gateways', 'gatewys').replace('10.0.0.0/24', '10.0.0.1/24'),
    );
    const running = run();
    expect((await running.ended).code).toBe(2);
    const file = join(directory, 'site.yaml');
    expect(running.output()).toContain(`cloudagent: ${file}:4: Network/lan`);
    expect(
      running
        .output()
        .split('\n')
        .filter((line) => line.startsWith('cloudagent: ')).length,
    ).toBeGreaterThan(1);
  });

  it('tells all contradictions of its flags at once', async () => {
    const running = run(['--site-name', 'Not A Name', '--log-level', 'loud']);
    expect((await running.ended).code).toBe(2);
    expect(running.output()).toContain('--site-name');
    expect(running.output()).toContain('--log-level');
  });
});
