import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sleep } from '../command.ts';
import { Connection } from '../connection.ts';
import { ApiClient, statusOf } from './api-client.ts';
import type { ContainerImages } from './container-image.ts';
import type { NodeFacts } from './pod-processes.ts';
import { hostOf, now, PodRunner } from './pod-runner.ts';
import type { Pod } from './pod-status.ts';

/**
 * Stands in for the kubelet of one node, in whose namespace it runs: registers the Node, renews its Lease, and keeps a host
 * with a real process for each Pod that is bound to it.
 */
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: '' },
    /** One, or one of each family, separated by a comma. */
    addresses: { type: 'string', default: '' },
    /** How its Pods' addresses begin: "10.200.1", and "10.200.1,fd10:0:0:1" with two families. */
    'pod-prefixes': { type: 'string', default: '' },
    server: { type: 'string', default: '' },
    'token-file': { type: 'string', default: '' },
    'ca-file': { type: 'string', default: '' },
    'control-socket': { type: 'string', default: '' },
    echo: { type: 'string', default: '' },
    /** File with ContainerImages. */
    images: { type: 'string', default: '' },
    /** Directory for the volumes of Pods. */
    volumes: { type: 'string', default: '' },
  },
});
const [podPrefix = '', podPrefix6] = values['pod-prefixes'].split(',');
const node: NodeFacts = {
  name: values.node,
  addresses: values.addresses.split(','),
  echo: [process.execPath, values.echo],
  images: JSON.parse(readFileSync(values.images, 'utf8')) as ContainerImages,
  volumes: values.volumes,
};
const api = new ApiClient({ server: values.server, tokenFile: values['token-file'], caFile: values['ca-file'] });
const runners = new Map<string, PodRunner>();

async function register(): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name, labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux' } },
    spec: {
      podCIDR: `${podPrefix}.0/24`,
      podCIDRs: [`${podPrefix}.0/24`, ...(podPrefix6 === undefined ? [] : [`${podPrefix6}::/64`])],
    },
  };
  await api.call('POST', '/api/v1/nodes', body).catch((error: unknown) => {
    if (statusOf(error) !== 409) throw error;
  });
  await reportNode();
}

async function reportNode(): Promise<void> {
  const resources = { cpu: '4', memory: '8Gi', pods: '250' };
  const status = {
    addresses: [
      ...node.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: node.name },
      // Addresses are merged by their type, of which one may have two.
      { $patch: 'replace' },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: [
      { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the lab runs', lastHeartbeatTime: now() },
    ],
    nodeInfo: {
      kubeletVersion: 'v1.36.2',
      osImage: 'lab',
      containerRuntimeVersion: 'lab://1',
      architecture: 'amd64',
      operatingSystem: 'linux',
    },
  };
  await api.patch(`/api/v1/nodes/${node.name}/status`, { status });
}

async function renewLease(): Promise<void> {
  const base = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const spec = {
    holderIdentity: node.name,
    leaseDurationSeconds: 40,
    renewTime: new Date().toISOString().replace('Z', '000Z'),
  };
  const merge = 'application/merge-patch+json';
  await api.call('PATCH', `${base}/${node.name}`, { spec }, merge).catch((error: unknown) => {
    if (statusOf(error) !== 404) throw error;
    return api.call('POST', base, { metadata: { name: node.name, namespace: 'kube-node-lease' }, spec });
  });
}

/** The lowest address of the node's range that no Pod has; .1 is left out, as bridges have it on most clusters. */
function freeAddress(): string {
  const taken = new Set([...runners.values()].map(({ podIP }) => podIP));
  for (let last = 2; last < 255; last += 1) {
    const candidate = `${podPrefix}.${last}`;
    if (!taken.has(candidate)) return candidate;
  }
  throw new Error(`${node.name} has no address left for a Pod`);
}

/** The Pod's addresses: that of IPv6 ends as the other one does. */
function withIpv6(address: string): readonly [string, ...string[]] {
  return podPrefix6 === undefined ? [address] : [address, `${podPrefix6}::${address.split('.').at(-1)}`];
}

function take(lab: Connection, pod: Pod, livingHosts: ReadonlyMap<string, string>): void {
  const { uid, deletionTimestamp } = pod.metadata;
  const known = runners.get(uid);
  if (known) return known.update(pod);
  const adopted = livingHosts.get(hostOf(pod));
  const podIPs = withIpv6(adopted ?? freeAddress());
  const runner = new PodRunner(pod, podIPs, node, { lab, api });
  runners.set(uid, runner);
  runner.start(adopted !== undefined).catch((error: unknown) => console.error(`${runner.host}: ${String(error)}`));
  if (deletionTimestamp !== undefined) runner.update(pod);
}

function drop(uid: string): void {
  const runner = runners.get(uid);
  // Its address is free again only when its host is gone.
  void runner?.remove().finally(() => runners.delete(uid));
}

async function followPods(lab: Connection): Promise<never> {
  const hosts = await lab.call('status', {});
  const living = new Map(hosts.filter(({ up }) => up).map(({ name, address }) => [name, address.split('/')[0]!]));
  return api.follow<Pod>(
    `/api/v1/pods?fieldSelector=spec.nodeName=${node.name}`,
    (all) => {
      const uids = new Set(all.map((pod) => pod.metadata.uid));
      for (const uid of runners.keys()) if (!uids.has(uid)) drop(uid);
      for (const pod of all) take(lab, pod, living);
    },
    (type, pod) => (type === 'DELETED' ? drop(pod.metadata.uid) : take(lab, pod, new Map())),
  );
}

async function every(milliseconds: number, work: () => Promise<void>): Promise<never> {
  for (;;) {
    await work().catch((error: unknown) => console.error(String(error)));
    await sleep(milliseconds);
  }
}

async function untilDone(work: () => Promise<void>): Promise<void> {
  while (
    !(await work().then(
      () => true,
      (error: unknown) => (console.error(String(error)), false),
    ))
  )
    await sleep(500);
}

const lab = await Connection.open(values['control-socket']);
await untilDone(register);
await Promise.all([followPods(lab), every(10_000, renewLease), every(10_000, reportNode)]);
