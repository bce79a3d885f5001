import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/control-loop';
import { CertificatesService, createClient, openChannel } from '@fairlead/rpc';
import { nodeCommand, type Program, runProgram, siteYaml } from '@fairlead/testing';
import { openApi } from '../src/cluster/api.ts';
import type { Api } from '../src/cluster/api.ts';
import { startKubernetes, type Kubernetes } from './kubernetes.ts';
import { eventually, freePort } from './loopback.ts';
import { applyRbac } from './rig.ts';

const CONTROLLER = nodeCommand(join(import.meta.dirname, '../src/main.ts'));
const CLOUDAGENT = nodeCommand(join(import.meta.dirname, '../../cloudagent/src/main.ts'));

/** Without LB machines, so nothing is ever served. */
const SITE = siteYaml({ vips: 2, quarantine: '0s', machines: [], nodeCIDR: '10.1.0.0/24' });

export type ProgramFlags = Readonly<Record<string, string>>;

/** The real programs, over mutual TLS, beside a real API server, in a directory of their own. */
export interface Programs {
  readonly kubernetes: Kubernetes;
  readonly admin: Api;
  /** Of the controllers' metrics and health. */
  readonly metricsPort: number;
  /** A path in the directory; `token` holds a join token of cluster prod, `pki` what was made of it. */
  at(name: string): string;
  /** Anew, where it was before. */
  startCloudagent(): Promise<void>;
  killCloudagent(): Promise<void>;
  /** For a controller of that cluster. */
  joinToken(cluster: string): Promise<string>;
  /** A controller of cluster prod; a flag given as '' is left out. */
  startController(more?: ProgramFlags, environment?: NodeJS.ProcessEnv): Program;
  /** Kills the controllers. */
  endControllers(): Promise<void>;
  /** Kills everything and leaves nothing. */
  stop(): Promise<void>;
}

export async function startPrograms(): Promise<Programs> {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-programs-'));
  const at = (name: string): string => join(directory, name);
  const kubernetes = await startKubernetes();
  const admin = openApi(kubernetes.kubeConfig('admin'), systemClock);
  await applyRbac(admin);
  writeFileSync(at('kubeconfig'), kubernetes.kubeConfigText('controller'), { mode: 0o600 });
  writeFileSync(at('site.yaml'), SITE);
  const metricsPort = await freePort();
  const ports = [await freePort(), await freePort(), await freePort()];
  const controllers: Program[] = [];
  let cloudagent: Program | undefined;
  const programs: Programs = {
    kubernetes,
    admin,
    metricsPort,
    at,
    async startCloudagent() {
      const started = runProgram([
        ...CLOUDAGENT,
        ...argvOf({
          site: at('site.yaml'),
          'site-name': 'test',
          'state-dir': at('state'),
          'identity-dir': at('identity'),
          'admin-socket': at('admin.sock'),
          listen: `127.0.0.1:${ports[0]}`,
          'join-listen': `127.0.0.1:${ports[1]}`,
          'metrics-listen': `127.0.0.1:${ports[2]}`,
        }),
      ]);
      cloudagent = started;
      await eventually('the cloudagent has started', () => started.output().includes('"msg":"started"'), 20_000);
    },
    async killCloudagent() {
      if (cloudagent !== undefined) await kill(cloudagent);
    },
    async joinToken(name) {
      const channel = openChannel(`unix:${at('admin.sock')}`, undefined);
      try {
        return (await createClient(CertificatesService, channel).createJoinToken({ kind: 'controller', name })).token;
      } finally {
        channel.close();
      }
    },
    startController(more = {}, environment = process.env) {
      const flags = {
        cluster: 'prod',
        'pki-dir': at('pki'),
        'join-token-file': at('token'),
        kubeconfig: at('kubeconfig'),
        identity: 'me',
        'metrics-listen': `127.0.0.1:${metricsPort}`,
        ...more,
      };
      const program = runProgram([...CONTROLLER, ...argvOf(flags)], { environment });
      controllers.push(program);
      return program;
    },
    async endControllers() {
      for (const program of controllers.splice(0)) await kill(program);
    },
    async stop() {
      await programs.endControllers();
      await programs.killCloudagent();
      admin.close();
      await kubernetes.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    await programs.startCloudagent();
    writeFileSync(at('token'), await programs.joinToken('prod'), { mode: 0o600 });
    return programs;
  } catch (error) {
    await programs.stop();
    throw error;
  }
}

function argvOf(flags: ProgramFlags): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => (value === '' ? [] : [`--${flag}`, value]));
}

async function kill(program: Program): Promise<void> {
  program.signal('SIGKILL');
  await program.ended;
}
