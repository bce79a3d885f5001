import { channelCredentials, materialSource, serverCredentials } from '@fairlead/certs';
import { Shutdown } from '@fairlead/control-loop';
import {
  CertificatesService,
  createClient,
  enrol,
  LoadBalancersService,
  MachinesService,
  openChannel,
  type RpcClient,
  SiteService,
} from '@fairlead/rpc';
import { createLogger, type Logger } from '@fairlead/telemetry';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { type Ports, startCloudagent } from '../cloudagent.ts';
import { FakeMachine } from './fake-machine.ts';

export type Controller = RpcClient<typeof LoadBalancersService>;
type Channel = ReturnType<typeof openChannel>;

/** A cloudagent with everything real but the machines, which are fakes behind real mutual TLS. */
export class WholeSite {
  readonly directory = mkdtempSync(join(tmpdir(), 'fairlead-site-'));
  readonly lines: Record<string, unknown>[] = [];
  readonly machines = new Map<string, FakeMachine>();
  ports: Ports = { control: 0, join: 0, metrics: 0 };
  readonly #channels: Channel[] = [];
  #admin: Channel | undefined;
  #shutdown = new Shutdown();

  /** A life of the cloudagent; a second one uses the same store, keys and ports. */
  async start(more: { readonly site?: string } = {}): Promise<void> {
    this.#shutdown = new Shutdown();
    this.ports = await startCloudagent({
      config: {
        siteName: 'test',
        stateDir: join(this.directory, 'state'),
        identityDir: join(this.directory, 'identity'),
        listen: `127.0.0.1:${this.ports.control}`,
        joinListen: `127.0.0.1:${this.ports.join}`,
        metricsListen: `127.0.0.1:${this.ports.metrics}`,
        adminSocket: join(this.directory, 'admin.sock'),
        logLevel: 'info',
        ...more,
      },
      log: this.#logger(),
      shutdown: this.#shutdown,
    });
    this.#admin = openChannel(`unix:${join(this.directory, 'admin.sock')}`, undefined);
  }

  async stop(): Promise<void> {
    this.#admin?.close();
    await this.#shutdown.begin();
  }

  async close(): Promise<void> {
    await this.stop();
    for (const channel of this.#channels) channel.close();
    for (const machine of this.machines.values()) await machine.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  get site(): RpcClient<typeof SiteService> {
    return createClient(SiteService, this.#admin!);
  }

  get machinesService(): RpcClient<typeof MachinesService> {
    return createClient(MachinesService, this.#admin!);
  }

  async apply(yaml: string): Promise<string[]> {
    const { violations } = await this.site.apply({ documents: [{ yaml, source: 'stdin' }], dryRun: false });
    return violations.map(({ field, message }) => `${field}: ${message}`);
  }

  async token(kind: string, name: string): Promise<string> {
    const role = kind === 'operator' ? 'admin' : '';
    const tokens = createClient(CertificatesService, this.#admin!);
    return (await tokens.createJoinToken({ kind, name, role, lifetimeSeconds: 0 })).token;
  }

  /** A client with the certificate of `controller/CLUSTER`. */
  async controller(cluster = 'prod'): Promise<Controller> {
    const channel = openChannel(`127.0.0.1:${this.ports.control}`, await this.#credentials('controller', cluster));
    this.#channels.push(channel);
    return createClient(LoadBalancersService, channel);
  }

  /** Declares the site and starts its machines, enrolled; `owner` owns the addresses. */
  async declare(options: Parameters<typeof siteYaml>[0] = {}, owner = 'lb-1'): Promise<void> {
    const problems = await this.apply(siteYaml({ ...options, machines: [] }));
    if (problems.length > 0) throw new Error(problems.join('\n'));
    for (const [index, name] of ['lb-1', 'lb-2'].entries()) {
      await this.#addMachine(name, `127.0.0.${index + 1}`, name === owner ? ['default'] : []);
    }
  }

  async #addMachine(name: string, host: string, owned: readonly string[]): Promise<void> {
    const source = await this.#enrol('lbagent', name);
    const machine = new FakeMachine(`${host}:0`, serverCredentials(source, 'required'));
    machine.owned = owned;
    await machine.start();
    this.machines.set(name, machine);
    const problems = await this.apply(`apiVersion: fairlead.dev/v1
kind: Machine
metadata: {name: ${name}}
spec:
  loadBalancerSet: default
  agentAddress: ${host}
  agentPort: ${machine.port}
  interfaces: [{network: lan, device: eth0}]
`);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  async #enrol(kind: string, name: string) {
    const result = await enrol(await this.token(kind, name), join(this.directory, `pki-${kind}-${name}`));
    if ('refused' in result) throw new Error(result.refused);
    return materialSource(result.enrolment.material);
  }

  async #credentials(kind: string, name: string) {
    return channelCredentials(await this.#enrol(kind, name), { kind: 'cloudagent', site: 'test' });
  }

  #logger(): Logger {
    const write = (line: string) => void this.lines.push(JSON.parse(line) as Record<string, unknown>);
    return createLogger({ component: 'cloudagent', level: 'info', destination: { write } });
  }
}
