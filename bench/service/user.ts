import { parseArgs } from 'node:util';
import { ApiClient } from '../../e2e/lab/kubernetes/api-client.ts';
import { knock } from '../machine/knock.ts';
import { nowNs } from '../machine/protocol.ts';
import { serveOrders } from '../machine/serve-orders.ts';
import { inParallel } from './in-parallel.ts';
import type { Answer, Life, Order } from './protocol.ts';
import { ownAddress, PORT, type Service, serviceOf, SERVICES, sliceOf, SLICES } from './services.ts';
import { addressOf, ServiceWatch } from './watch.ts';

/** A user of the cluster and of its Services, on one host: see `Order` in `protocol.ts`. */
const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '' },
    'token-file': { type: 'string', default: '' },
    'ca-file': { type: 'string', default: '' },
  },
});
const api = new ApiClient({ server: values.server, tokenFile: values['token-file'], caFile: values['ca-file'] });
const watch = await ServiceWatch.start(api);
/** Often enough to see when a node opens, seldom enough to cost the machine little. */
const KNOCK_EVERY_MS = 5;

await serveOrders(obey);

async function obey(order: Order): Promise<Answer> {
  const begunNs = nowNs();
  return { begunNs, services: await livesOf(order) };
}

async function livesOf(order: Order): Promise<readonly Life[]> {
  switch (order.order) {
    case 'create':
      return create(order);
    case 'publish':
      return [await publish(order.name, order.nodes)];
    case 'slice':
      return inParallel(order.names, 8, async (name) => {
        const begunNs = nowNs();
        await api.call('POST', SLICES, sliceOf(name, order.pods));
        return { name, begunNs };
      });
    case 'remove':
      return remove(order.names, order.atOnce);
    default:
      return order.names.map((name) => ({ name, begunNs: nowNs(), changes: watch.changes(name) }));
  }
}

/** Waiting for one keeps none from being created. */
async function create(order: Extract<Order, { order: 'create' }>): Promise<Life[]> {
  const followed = await inParallel(order.names, order.atOnce, async (name) => {
    const begunNs = nowNs();
    const rest = order.until === 'created' ? undefined : follow(name, order.until);
    // What becomes of it is asked for once all are created.
    rest?.catch(() => undefined);
    const { spec } = await api.call<Service>('POST', SERVICES, serviceOf(name, order.kind));
    const createdNs = nowNs();
    return { life: { name, begunNs, createdNs }, rest, opened: order.nodes && firstOpen(order.nodes, spec) };
  });
  return Promise.all(
    followed.map(async ({ life, rest, opened }) => {
      const [reached, nodePortNs] = await Promise.all([rest, opened]);
      return { ...life, ...reached, ...(nodePortNs === undefined ? {} : { nodePortNs }) };
    }),
  );
}

async function follow(name: string, until: 'own-address' | 'address' | 'answer'): Promise<Partial<Life>> {
  if (until === 'own-address') {
    await watch.existence(name);
    await api.patch(`${SERVICES}/${name}/status`, ownAddress());
  }
  const { atNs, service } = await watch.address(name);
  const address = addressOf(service)!;
  const reached = { address, addressNs: atNs };
  if (until !== 'answer') return reached;
  return { ...reached, answerNs: (await knock({ address, port: PORT })).answeredNs };
}

async function publish(name: string, nodes: readonly string[]): Promise<Life> {
  const { spec } = await api.call<Service>('POST', SERVICES, serviceOf(name, 'selected', 'NodePort'));
  await Promise.all(nodes.map((node) => knock(nodePortOf(node, spec))));
  const begunNs = nowNs();
  const rest = follow(name, 'answer');
  rest.catch(() => undefined);
  await api.patch(`${SERVICES}/${name}`, { spec: { type: 'LoadBalancer' } });
  return { name, begunNs, createdNs: nowNs(), ...(await rest) };
}

async function firstOpen(nodes: readonly string[], spec: Service['spec']): Promise<number> {
  const { answeredNs } = await Promise.any(nodes.map((node) => knock(nodePortOf(node, spec))));
  return answeredNs;
}

function nodePortOf(address: string, { ports }: Service['spec']) {
  return { address, port: ports[0]!.nodePort!, everyMs: KNOCK_EVERY_MS };
}

function remove(names: readonly string[], atOnce: number): Promise<Life[]> {
  return inParallel(names, atOnce, async (name) => {
    const begunNs = nowNs();
    await api.call('DELETE', `${SERVICES}/${name}`);
    await watch.gone(name);
    return { name, begunNs };
  });
}
