import { parseArgs } from 'node:util';
import { ApiClient, statusOf, type KubeObject } from './api-client.ts';

/**
 * Stands in for kube-scheduler: binds each Pod to a ready, schedulable node that its nodeSelector and tolerations allow,
 * the one with the fewest Pods of the same owner, then the fewest of all.
 */
interface Pod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly tolerations?: readonly { key?: string; operator?: string; effect?: string }[];
  };
  readonly status?: { readonly phase?: string };
}

interface Node extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly unschedulable?: boolean; readonly taints?: readonly { key: string; effect: string }[] };
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}

const pods = new Map<string, Pod>();
const nodes = new Map<string, Node>();
const binding = new Set<string>();

const { values } = parseArgs({
  options: { server: { type: 'string' }, 'token-file': { type: 'string' }, 'ca-file': { type: 'string' } },
});
const api = new ApiClient({
  server: values.server ?? '',
  tokenFile: values['token-file'] ?? '',
  caFile: values['ca-file'] ?? '',
});

function follow<T extends KubeObject>(path: string, cache: Map<string, T>): Promise<never> {
  return api.follow<T>(
    path,
    (all) => {
      cache.clear();
      for (const object of all) cache.set(object.metadata.uid, object);
      schedule();
    },
    (type, object) => {
      if (type === 'DELETED') cache.delete(object.metadata.uid);
      else cache.set(object.metadata.uid, object);
      schedule();
    },
  );
}

function schedule(): void {
  for (const pod of pods.values()) {
    if (pod.spec.nodeName || pod.metadata.deletionTimestamp || binding.has(pod.metadata.uid)) continue;
    const node = choose(pod);
    if (node) void bind(pod, node);
  }
}

function choose(pod: Pod): Node | undefined {
  const owner = pod.metadata.ownerReferences?.[0]?.uid;
  const placed = [...pods.values()].filter((other) => other.spec.nodeName && !other.metadata.deletionTimestamp);
  const load = (node: Node): number => {
    const here = placed.filter((other) => other.spec.nodeName === node.metadata.name);
    return here.filter((other) => other.metadata.ownerReferences?.[0]?.uid === owner).length * 1000 + here.length;
  };
  return [...nodes.values()]
    .filter((node) => fits(pod, node))
    .sort((a, b) => load(a) - load(b) || a.metadata.name.localeCompare(b.metadata.name))[0];
}

function fits(pod: Pod, node: Node): boolean {
  const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (!ready || node.spec.unschedulable) return false;
  const selected = Object.entries(pod.spec.nodeSelector ?? {});
  if (!selected.every(([key, value]) => node.metadata.labels?.[key] === value)) return false;
  return (node.spec.taints ?? []).every(
    (taint) =>
      taint.effect === 'PreferNoSchedule' ||
      pod.spec.tolerations?.some(({ key, operator }) =>
        key === undefined ? operator === 'Exists' : key === taint.key,
      ),
  );
}

async function bind(pod: Pod, node: Node): Promise<void> {
  const { name, namespace = 'default', uid } = pod.metadata;
  binding.add(uid);
  pods.set(uid, { ...pod, spec: { ...pod.spec, nodeName: node.metadata.name } });
  try {
    await api.call('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node.metadata.name },
    });
  } catch (error) {
    console.error((error as Error).message);
    // Bound or gone already: the watch tells.
    if (statusOf(error) !== 409 && statusOf(error) !== 404 && pods.get(uid)?.spec.nodeName) pods.set(uid, pod);
  } finally {
    binding.delete(uid);
  }
}

await Promise.all([follow('/api/v1/pods', pods), follow('/api/v1/nodes', nodes)]);
