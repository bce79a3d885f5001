import { get } from 'node:http';
import { connect } from 'node:net';
import { sleep } from '../command.ts';
import type { Connection } from '../connection.ts';
import { type ApiClient, statusOf } from './api-client.ts';
import { type NodeFacts, PodProcesses } from './pod-processes.ts';
import { echoPorts, type Pod, type Probe, probePort, runningStatus } from './pod-status.ts';

/** One Pod on this node: a host of the lab behind the node, and what runs there. */
export class PodRunner {
  readonly host: string;
  readonly podIPs: readonly [string, ...string[]];
  readonly #lab: Connection;
  readonly #api: ApiClient;
  readonly #node: NodeFacts;
  readonly #processes: PodProcesses;
  #pod: Pod;
  #gone = false;
  #ending = false;
  #ready = false;
  #started = '';

  constructor(pod: Pod, podIPs: PodRunner['podIPs'], node: NodeFacts, parts: { lab: Connection; api: ApiClient }) {
    this.#pod = pod;
    this.host = hostOf(pod);
    this.podIPs = podIPs;
    this.#node = node;
    this.#lab = parts.lab;
    this.#api = parts.api;
    this.#processes = new PodProcesses(pod, this.host, node, parts);
  }

  get podIP(): string {
    return this.podIPs[0];
  }

  /** Makes the host and starts what runs there, unless both are there from an earlier life of this kubelet. */
  async start(adopted: boolean): Promise<void> {
    if (!adopted) {
      const [address, address6] = this.podIPs;
      const addresses = { address, ...(address6 === undefined ? {} : { address6 }) };
      await this.#lab.call('addHost', { name: this.host, ...addresses, behind: this.#node.name });
      await this.#processes.start();
    }
    this.#started = now();
    await this.#report();
    await this.#followReadiness();
  }

  /** The newest form of the Pod; a deletion ends it once. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined && !this.#ending) void this.#end();
  }

  /** Ends it now, for a Pod that is gone from the API already. */
  async remove(): Promise<void> {
    this.#gone = true;
    await this.#lab.call('removeHost', { host: this.host }).catch(() => undefined);
    this.#processes.remove();
  }

  /** SIGTERM, the grace period, SIGKILL; then the API may forget it. */
  async #end(): Promise<void> {
    this.#ending = true;
    const { name, namespace, uid, deletionGracePeriodSeconds = 30 } = this.#pod.metadata;
    const deadline = performance.now() + deletionGracePeriodSeconds * 1000;
    await this.#processes.end();
    while (performance.now() < deadline && (await this.#processes.isRunning())) await sleep(100);
    await this.remove();
    const body = { gracePeriodSeconds: 0, preconditions: { uid } };
    while (!(await this.#forget(`/api/v1/namespaces/${namespace}/pods/${name}`, body))) await sleep(1000);
  }

  async #forget(path: string, body: unknown): Promise<boolean> {
    try {
      await this.#api.call('DELETE', path, body);
      return true;
    } catch (error) {
      return statusOf(error) === 404 || statusOf(error) === 409;
    }
  }

  /** Until the Pod is gone, also while it ends: an endpoint that ends but still serves is told as such. */
  async #followReadiness(): Promise<void> {
    const probes = this.#pod.spec.containers.flatMap((each) => (each.readinessProbe ? [each.readinessProbe] : []));
    const [probe] = probes;
    if (probe?.initialDelaySeconds) await sleep(probe.initialDelaySeconds * 1000);
    let [successes, failures] = [0, 0];
    while (!this.#gone) {
      const succeeded = (await Promise.all(probes.map((each) => this.#probe(each)))).every(Boolean);
      const alive = succeeded && (probe !== undefined || (await this.#listens()));
      [successes, failures] = alive ? [successes + 1, 0] : [0, failures + 1];
      if (!this.#ready && successes >= (probe?.successThreshold ?? 1)) await this.#setReady(true);
      if (this.#ready && failures >= (probe?.failureThreshold ?? 3)) await this.#setReady(false);
      // Before it is ready the first time, a Pod without a probe is asked often: it is ready as soon as it listens.
      await sleep(probe ? (probe.periodSeconds ?? 10) * 1000 : this.#ready ? 1000 : 20);
    }
  }

  async #setReady(ready: boolean): Promise<void> {
    this.#ready = ready;
    await this.#report();
  }

  async #report(): Promise<void> {
    const { name, namespace } = this.#pod.metadata;
    const since = now();
    const status = runningStatus(this.#pod, {
      podIPs: this.podIPs,
      hostIPs: this.#node.addresses,
      started: this.#started,
      ready: this.#ready,
      readySince: since,
    });
    while (!this.#gone) {
      try {
        await this.#api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { status });
        return;
      } catch (error) {
        if (statusOf(error) === 404) return;
        console.error((error as Error).message);
        await sleep(500);
      }
    }
  }

  #probe(probe: Probe): Promise<boolean> {
    const port = probe.httpGet && probePort(this.#pod, probe.httpGet.port);
    if (!probe.httpGet || port === undefined) return Promise.resolve(true);
    const url = `http://${this.podIP}:${port}${probe.httpGet.path ?? '/'}`;
    return new Promise((resolve) => {
      const asked = get(url, { agent: false, timeout: (probe.timeoutSeconds ?? 1) * 1000 }, (response) => {
        response.resume();
        resolve((response.statusCode ?? 500) < 400);
      });
      asked.on('timeout', () => asked.destroy()).on('error', () => resolve(false));
    });
  }

  #listens(): Promise<boolean> {
    const options = echoPorts(this.#pod);
    const index = options.findIndex((option) => option === '--http' || option === '--tcp');
    if (index < 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const socket = connect({ host: this.podIP, port: Number(options[index + 1]), timeout: 1000 });
      const done = (listens: boolean) => () => {
        socket.destroy();
        resolve(listens);
      };
      socket.on('connect', done(true)).on('error', done(false)).on('timeout', done(false));
    });
  }
}

/** The lab's host for a Pod: its name, with the namespace in front unless that is "default". */
export function hostOf(pod: Pod): string {
  const { name, namespace, uid } = pod.metadata;
  const full = `pod-${namespace === 'default' ? '' : `${namespace}-`}${name}`.replaceAll('.', '-');
  return full.length <= 63 ? full : `${full.slice(0, 56)}-${uid.slice(0, 6)}`;
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
