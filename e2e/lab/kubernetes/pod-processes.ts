import { sleep } from '../command.ts';
import type { Connection } from '../connection.ts';
import type { ApiClient } from './api-client.ts';
import { containerArgv } from './container.ts';
import type { ContainerImages } from './container-image.ts';
import { echoPorts, type Pod } from './pod-status.ts';
import { PodVolumes } from './pod-volumes.ts';

/** How often Secrets and ConfigMaps are looked at; a real kubelet takes up to a minute. */
const VOLUMES_MS = 1_000;

export interface NodeFacts {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Command that runs the echo program; its options are added. */
  readonly echo: readonly string[];
  /** Images that are run as what they are. */
  readonly images: ContainerImages;
  /** Where volumes are made. */
  readonly volumes: string;
}

/** What runs for one Pod on its host: its containers when the node has their images, else one echo program. */
export class PodProcesses {
  readonly #pod: Pod;
  readonly #host: string;
  readonly #node: NodeFacts;
  readonly #lab: Connection;
  readonly #api: ApiClient;
  readonly #volumes: PodVolumes;
  #over = false;

  constructor(pod: Pod, host: string, node: NodeFacts, parts: { lab: Connection; api: ApiClient }) {
    this.#pod = pod;
    this.#host = host;
    this.#node = node;
    this.#lab = parts.lab;
    this.#api = parts.api;
    this.#volumes = new PodVolumes(pod, parts.api, node.volumes);
  }

  /** Waits as long as something that a volume needs is not there. */
  async start(): Promise<void> {
    const { containers } = this.#pod.spec;
    if (containers.every(({ image = '' }) => image in this.#node.images)) return this.#startContainers();
    await this.#run('echo', [...this.#node.echo, '--name', this.#pod.metadata.name, ...echoPorts(this.#pod)]);
  }

  /** Tells everything to end; nothing is started any more. */
  async end(): Promise<void> {
    this.#over = true;
    for (const { name } of await this.#living()) {
      await this.#lab.call('kill', { host: this.#host, name, signal: 'TERM' }).catch(() => undefined);
    }
  }

  async isRunning(): Promise<boolean> {
    return (await this.#living()).length > 0;
  }

  /** Once the host is gone. */
  remove(): void {
    this.#over = true;
    this.#volumes.remove();
  }

  async #startContainers(): Promise<void> {
    const volumes = await this.#untilMounted();
    if (volumes === undefined) return;
    const path = '/api/v1/namespaces/default/services/kubernetes';
    const { spec } = await this.#api.call<{ spec: { clusterIP: string } }>('GET', path);
    const environment = {
      HOSTNAME: this.#pod.metadata.name,
      KUBERNETES_SERVICE_HOST: spec.clusterIP,
      KUBERNETES_SERVICE_PORT: '443',
    };
    for (const container of this.#pod.spec.containers) {
      const image = this.#node.images[container.image ?? '']!;
      const surroundings = { host: this.#host, image, volumes, environment };
      await this.#run(container.name, containerArgv(this.#pod, container, surroundings));
    }
    void this.#followVolumes();
  }

  async #run(name: string, argv: readonly string[]): Promise<void> {
    if (!this.#over) await this.#lab.call('run', { host: this.#host, name, argv, restart: true });
  }

  async #untilMounted(): Promise<ReadonlyMap<string, string> | undefined> {
    while (!this.#over) {
      try {
        return await this.#volumes.mount();
      } catch (error) {
        console.error(`${this.#host}: ${(error as Error).message}`);
        await sleep(500);
      }
    }
    return undefined;
  }

  async #followVolumes(): Promise<void> {
    for (;;) {
      await sleep(VOLUMES_MS);
      if (this.#over) return;
      await this.#volumes.refresh().catch((error: unknown) => console.error(`${this.#host}: ${String(error)}`));
    }
  }

  async #living(): Promise<{ readonly name: string }[]> {
    const hosts = await this.#lab.call('status', {});
    const processes = hosts.find(({ name }) => name === this.#host)?.processes ?? [];
    return processes.filter(({ pid, ended }) => pid !== undefined && ended === undefined);
  }
}
