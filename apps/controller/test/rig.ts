import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/control-loop';
import { openChannel, startServer } from '@fairlead/rpc';
import { createLogger, createMetrics, type Registry } from '@fairlead/telemetry';
import { loadAllYaml } from '@kubernetes/client-node';
import { cloudagentOver } from '../src/cloudagent-client.ts';
import type { Api } from '../src/cluster/api.ts';
import { ApiFailure, openApi } from '../src/cluster/api.ts';
import { narrowService } from '../src/cluster/narrow.ts';
import type { ServiceObject } from '../src/cluster/objects.ts';
import { createController } from '../src/controller.ts';
import { CLASS } from '../src/desired.ts';
import type { ElectionTimes } from '../src/leadership/leadership.ts';
import type { FakeCloudagent } from './fake-cloudagent.ts';
import { createFakeCloudagent } from './fake-cloudagent.ts';
import type { Kubernetes } from './kubernetes.ts';
import { eventually } from './loopback.ts';

/** A controller in this process, with the rights of rbac.yaml, against a real API server and a fake cloudagent. */
export interface Rig {
  readonly fake: FakeCloudagent;
  readonly admin: Api;
  /** Where the fake cloudagent listens. */
  readonly cloudagent: string;
  startController(options?: ControllerStart): RunningController;
  /** Calls back with every change of a Service from now on, until `clean`. */
  watchServices(onChange: (object: unknown) => void): Promise<void>;
  /** Stops controllers, removes all Services, forgets what the cloudagent holds. */
  clean(): Promise<void>;
  stop(): Promise<void>;
}

export interface ControllerStart {
  readonly identity?: string;
  /** Reach the API server by way of this port of loopback. */
  readonly port?: number;
  readonly times?: ElectionTimes;
  readonly watchIdleMs?: number;
  readonly defaultClass?: boolean;
}

export interface RunningController {
  readonly registry: Registry;
  readonly lost: readonly string[];
  /** Writes of Services that it asked the API server for, also those that changed nothing. */
  readonly writes: readonly string[];
  /** Lines of its log. */
  readonly log: readonly string[];
  problems(): readonly string[];
  /** As on SIGTERM. */
  stop(): Promise<void>;
  /** As on SIGKILL: the lease is not released. */
  kill(): Promise<void>;
}

const TIMES: ElectionTimes = { leaseMs: 2_000, renewDeadlineMs: 1_500, retryMs: 200 };

export async function startRig(kubernetes: Kubernetes): Promise<Rig> {
  const fake = createFakeCloudagent();
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-rig-'));
  const socket = `unix:${join(directory, 'cloudagent.sock')}`;
  const quiet = createLogger({ component: 'test', level: 'silent' });
  const server = await startServer({
    listen: socket,
    callers: 'admin-socket',
    authorise: () => undefined,
    services: [fake.service],
    log: quiet,
  });
  const admin = openApi(kubernetes.kubeConfig('admin'), systemClock);
  await applyRbac(admin);
  const running = new Set<RunningController>();

  function startController(start: ControllerStart = {}): RunningController {
    const { identity = 'one', port, times = TIMES, watchIdleMs, defaultClass = false } = start;
    const writes: string[] = [];
    const api = noting(openApi(kubernetes.kubeConfig('controller', port), systemClock), writes);
    const channel = openChannel(socket, undefined, { backOffMs: 50 });
    const registry = createMetrics({ component: 'controller', version: 'test' });
    const end = new AbortController();
    const lost: string[] = [];
    const log: string[] = [];
    const controller = createController({
      clusterName: 'prod',
      defaultClass,
      identity,
      leaseNamespace: 'fairlead-system',
      leaseName: 'fairlead-controller',
      workers: 16,
      electionTimes: times,
      ...(watchIdleMs === undefined ? {} : { watchIdleMs }),
      api,
      cloudagent: cloudagentOver(channel, 'prod'),
      explain: String,
      clock: systemClock,
      wallClock: () => new Date(),
      random: Math.random,
      log: createLogger({
        component: 'controller',
        level: 'info',
        destination: { write: (line) => void log.push(line) },
      }),
      registry,
      onLeadershipLost: (why) => lost.push(why),
    });
    const done = controller.run(end.signal);
    const close = async (): Promise<void> => {
      end.abort();
      await done;
      running.delete(self);
    };
    const self: RunningController = {
      registry,
      lost,
      writes,
      log,
      problems: () => controller.problems(),
      async stop() {
        await close();
        await controller.retire();
        channel.close();
        api.close();
      },
      async kill() {
        await close();
        channel.close();
        api.close();
      },
    };
    running.add(self);
    return self;
  }

  let watching = new AbortController();
  return {
    fake,
    admin,
    cloudagent: socket,
    startController,
    async watchServices(onChange) {
      const path = '/api/v1/services';
      const list = await admin.request({ method: 'GET', path });
      const query = {
        watch: 'true',
        resourceVersion: (list as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
      };
      const { signal } = watching;
      const onLine = (line: string | undefined): void => {
        if (line !== undefined) onChange(JSON.parse(line));
      };
      admin.stream({ path, query, idleMs: 60_000, signal, onLine }).catch(() => {});
    },
    async clean() {
      watching.abort();
      watching = new AbortController();
      await Promise.all([...running].map((controller) => controller.stop()));
      await removeAllServices(admin);
      await removeAll(admin, '/api/v1/nodes');
      await removeAll(admin, '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
      await removeAll(admin, '/api/v1/namespaces/default/events');
      await remove(admin, '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-controller');
      fake.reset();
    },
    async stop() {
      await Promise.all([...running].map((controller) => controller.kill()));
      await server.stop(100);
      admin.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function noting(api: Api, writes: string[]): Api {
  return {
    ...api,
    async request(request) {
      if (request.method !== 'GET' && request.path.includes('/services/')) writes.push(JSON.stringify(request.body));
      return api.request(request);
    },
  };
}

export async function applyRbac(admin: Api): Promise<void> {
  const documents = loadAllYaml(readFileSync(join(import.meta.dirname, '..', 'rbac.yaml'), 'utf8')) as {
    apiVersion: string;
    kind: string;
    metadata: { namespace?: string };
  }[];
  for (const body of documents) {
    const root = body.apiVersion === 'v1' ? '/api/v1' : `/apis/${body.apiVersion}`;
    const within = body.metadata.namespace === undefined ? '' : `/namespaces/${body.metadata.namespace}`;
    await admin
      .request({ method: 'POST', path: `${root}${within}/${body.kind.toLowerCase()}s`, body })
      .catch((error) => {
        if (!(error instanceof ApiFailure && error.status === 409)) throw error;
      });
  }
}

async function removeAllServices(admin: Api): Promise<void> {
  const { items } = (await admin.request({ method: 'GET', path: '/api/v1/services' })) as {
    items: { metadata: { namespace: string; name: string } }[];
  };
  for (const { metadata } of items) {
    const path = `/api/v1/namespaces/${metadata.namespace}/services/${metadata.name}`;
    const body = { metadata: { finalizers: null } };
    await admin.request({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
    await remove(admin, path);
  }
}

async function removeAll(admin: Api, path: string): Promise<void> {
  await admin.request({ method: 'DELETE', path });
}

export async function remove(admin: Api, path: string): Promise<void> {
  await admin.request({ method: 'DELETE', path }).catch((error: unknown) => {
    if (!(error instanceof ApiFailure && error.status === 404)) throw error;
  });
}

/** Services of one test, in namespace `default`. */
export function services(admin: Api) {
  const root = '/api/v1/namespaces/default/services';
  return {
    async create(
      name: string,
      spec: Readonly<Record<string, unknown>> = {},
      metadata: object = {},
    ): Promise<ServiceObject> {
      const body = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, ...metadata },
        spec: {
          type: 'LoadBalancer',
          loadBalancerClass: CLASS,
          ports: [{ name: 'http', port: 80 }],
          selector: { app: name },
          ...spec,
        },
      };
      return narrowService(await admin.request({ method: 'POST', path: root, body }))!;
    },
    async get(name: string): Promise<RawService | undefined> {
      try {
        return (await admin.request({ method: 'GET', path: `${root}/${name}` })) as RawService;
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 404) return undefined;
        throw error;
      }
    },
    patch: (name: string, body: unknown, subresource = '') =>
      admin.request({
        method: 'PATCH',
        path: `${root}/${name}${subresource}`,
        body,
        contentType: 'application/merge-patch+json',
      }),
    remove: (name: string) => remove(admin, `${root}/${name}`),
    async served(name: string): Promise<RawService> {
      return eventually(`${name} has an address`, async () => {
        const found = await this.get(name);
        return (found?.status.loadBalancer.ingress ?? []).length > 0 ? found : undefined;
      });
    },
    async gone(name: string): Promise<void> {
      await eventually(`${name} is gone`, async () => (await this.get(name)) === undefined);
    },
    async events(name: string): Promise<RawEvent[]> {
      const query = { fieldSelector: `involvedObject.name=${name}` };
      const found = await admin.request({ method: 'GET', path: '/api/v1/namespaces/default/events', query });
      return (found as { items: RawEvent[] }).items;
    },
  };
}

/** Makes a Node that serves, with an InternalIP. */
export async function createNode(admin: Api, name: string, ip: string, metadata: object = {}): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Node', metadata: { name, ...metadata } };
  await admin.request({ method: 'POST', path: '/api/v1/nodes', body });
  const status = { addresses: [{ type: 'InternalIP', address: ip }] };
  await admin.request({
    method: 'PATCH',
    path: `/api/v1/nodes/${name}/status`,
    body: { status },
    contentType: 'application/merge-patch+json',
  });
}

/** Says on which nodes the ready pods of a Service in `default` are. */
export async function setEndpoints(admin: Api, service: string, nodes: readonly string[]): Promise<void> {
  const root = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const name = `${service}-abcde`;
  const body = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: nodes.map((nodeName, index) => ({
      addresses: [`10.200.0.${index + 1}`],
      nodeName,
      conditions: { ready: true },
    })),
  };
  await remove(admin, `${root}/${name}`);
  await admin.request({ method: 'POST', path: root, body });
}

export interface RawService {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string; readonly finalizers?: string[] };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: {
    readonly loadBalancer: { readonly ingress?: readonly { ip: string; ipMode: string; ports: unknown }[] };
    readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
  };
}

export interface RawEvent {
  readonly reason: string;
  readonly type: string;
  readonly message: string;
  readonly count: number;
}
