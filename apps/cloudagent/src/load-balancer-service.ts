import { type Node, refusal, type Refusal } from '@fairlead/model';
import {
  type Caller,
  detailOf,
  failure,
  formatCaller,
  type HandlerContext,
  type Handlers,
  loadBalancerFromProto,
  type LoadBalancersService,
  nodeFromProto,
  type pb,
  refusalToProto,
  type RpcFailure,
} from '@fairlead/rpc';
import { type Logger, withTrace } from '@fairlead/telemetry';
import { whyNotForCluster } from './authorise.ts';
import { admitPorts, type RefusedBackend } from './backends.ts';
import { isDeclaredId, setOf } from './truth/declared.ts';
import { ensure, type Ensured } from './decisions/ensure.ts';
import { remove } from './decisions/remove.ts';
import { judgeSession, openSession } from './decisions/sessions.ts';
import { syncNodes } from './decisions/sync-nodes.ts';
import type { Fleet } from './push.ts';
import type { StatusBoard } from './status/board.ts';
import type { TruthKeeper } from './truth/truth-keeper.ts';
import type { Decision, Truth } from './truth/truth.ts';
import { type Watchers, watchStatus } from './status/watch.ts';

export interface LoadBalancerServiceSettings {
  readonly keeper: TruthKeeper;
  readonly fleet: Pick<Fleet, 'settled'>;
  readonly board: Pick<StatusBoard, 'all' | 'subscribe'>;
  readonly watchers: Watchers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
  /** Called when a change is durable, before it is answered; a test ends the process there. */
  readonly beforeAnswer?: () => void;
}

type Service = Handlers<typeof LoadBalancersService>;

/** What controllers call. Each call proves its reign by the session, and may be repeated. */
export function loadBalancerService(settings: LoadBalancerServiceSettings): Service {
  const { keeper, fleet, now, log, beforeAnswer } = settings;
  return {
    async openSession({ cluster, holder }, context) {
      mustOwn(context.identity, cluster);
      const session = await keeper.change((truth) => {
        if (!truth.site.clusters.has(cluster)) throw unknownCluster(cluster);
        return openSession(truth, cluster, holder.slice(0, 253));
      }, context.trace);
      withTrace(log, context.trace).info({ cluster, session, holder }, 'a controller leads');
      return { session, ...heldBy(keeper.truth, cluster) };
    },

    async syncNodes(request, context) {
      const { cluster, session, full } = request;
      mustOwn(context.identity, cluster);
      const { nodes, unreadable } = readNodes(request.upsert);
      // A node that cannot be read is one we know nothing new of: it stays as it was.
      const keep = new Set(unreadable.map(({ name }) => name));
      const refused = await keeper.change((truth) => {
        mustReign(truth, cluster, session);
        const known = full ? [...(truth.nodes.get(cluster)?.values() ?? [])].filter(({ name }) => keep.has(name)) : [];
        const update = { cluster, full, upsert: [...nodes, ...known], remove: [...request.remove] };
        return syncNodes(truth, update, now());
      }, context.trace);
      const all = [...unreadable, ...refused];
      audit(log, context, { cluster, refused: all });
      return { refused: all.map(({ name, refusal }) => ({ name, refusal: refusalToProto(refusal) })) };
    },

    async ensure(request, context) {
      const wish = loadBalancerFromProto(mustHave(request.loadBalancer, 'load_balancer'));
      mustOwn(context.identity, wish.cluster);
      if (isDeclaredId(wish.id)) throw reservedId(wish.id);
      const ensured = await keeper.change((truth): Decision<Ensured> => {
        mustReign(truth, wish.cluster, request.session);
        return ensure(truth, wish, now());
      }, context.trace);
      beforeAnswer?.();
      const { cluster, id, namespace, name } = wish;
      withTrace(log, context.trace).info({ cluster, id, namespace, name, ...ensured }, 'load balancer ensured');
      audit(log, context, { cluster, id, refused: admitPorts(wish, keeper.truth).refused });
      if ('refused' in ensured) return { refused: refusalToProto(ensured.refused) };
      return { ensured: { addresses: [...ensured.addresses], generation: ensured.generation } };
    },

    async delete({ cluster, session, id }, context) {
      mustOwn(context.identity, cluster);
      if (isDeclaredId(id)) throw reservedId(id);
      const set = await keeper.change((truth) => {
        mustReign(truth, cluster, session);
        const held = truth.loadBalancers.get(id);
        if (held !== undefined && held.wish.cluster !== cluster) throw otherCluster(id, cluster);
        const { changes } = remove(truth, id, now());
        const answer = setOf(held?.wish ?? { id, cluster }, truth.site);
        return changes === undefined ? { answer } : { answer, changes };
      }, context.trace);
      beforeAnswer?.();
      if (set !== undefined) await fleet.settled(set, keeper.truth.counters.generation, context.signal);
      withTrace(log, context.trace).info({ cluster, id }, 'load balancer deleted');
      return {};
    },

    watchStatus({ cluster, session }, context) {
      mustOwn(context.identity, cluster);
      return settings.watchers.during(cluster, watchStatus(settings, { cluster, session, signal: context.signal }));
    },
  };
}

function heldBy(truth: Truth, cluster: string): Omit<pb.OpenSessionResponse.$Properties, 'session'> {
  const held = [...truth.loadBalancers.values()]
    .filter(({ wish }) => wish.cluster === cluster && !isDeclaredId(wish.id))
    .map(({ wish: { id, namespace, name } }) => ({ id, namespace, name, addresses: [...truth.book.addressesOf(id)] }));
  const spec = truth.site.clusters.get(cluster)?.document.spec;
  return { held, nodeCidrs: textsOf(spec?.['nodeCIDRs']), podCidrs: textsOf(spec?.['podCIDRs']) };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function readNodes(protos: readonly pb.Node[]): { nodes: Node[]; unreadable: RefusedBackend[] } {
  const nodes: Node[] = [];
  const unreadable: RefusedBackend[] = [];
  for (const [index, proto] of protos.entries()) {
    try {
      nodes.push(nodeFromProto(proto, `upsert[${index}]`));
    } catch (error) {
      const detail = detailOf(error);
      if (detail === undefined) throw error;
      unreadable.push({ name: proto.name, refusal: refusal('NODE_INVALID', detail.field, detail.message) });
    }
  }
  return { nodes, unreadable };
}

/** One line for each backend that was asked for and may not be one: somebody may be trying something. */
function audit(
  log: Logger,
  { identity, trace }: Pick<HandlerContext, 'identity' | 'trace'>,
  { refused, ...where }: { cluster: string; id?: string; refused: readonly RefusedBackend[] },
): void {
  for (const { name, refusal } of refused) {
    const facts = { audit: 'backend-refused', by: formatCaller(identity), ...where, backend: name, ...refusal };
    withTrace(log, trace).warn(facts, refusal.message);
  }
}

function mustOwn(caller: Caller, cluster: string): void {
  const why = whyNotForCluster(caller, cluster);
  if (why !== undefined) throw failure('PERMISSION_DENIED', 'NOT_ALLOWED', why, 'cluster');
}

function mustReign(truth: Truth, cluster: string, session: number): void {
  const why: Refusal | undefined = judgeSession(truth, cluster, session);
  if (why !== undefined) throw failure('FAILED_PRECONDITION', why.reason, why.message, why.field);
}

function mustHave<Value>(value: Value | null | undefined, field: string): Value {
  if (value === null || value === undefined)
    throw failure('INVALID_ARGUMENT', 'INVALID_FIELD', `${field} is missing`, field);
  return value;
}

function unknownCluster(cluster: string): RpcFailure {
  const message = `there is no Cluster ${cluster} on this site: declare it (kind: Cluster), then its controller can begin`;
  return failure('FAILED_PRECONDITION', 'CLUSTER_UNKNOWN', message, 'cluster');
}

function reservedId(id: string): RpcFailure {
  return failure(
    'INVALID_ARGUMENT',
    'RESERVED_ID',
    `${id} belongs to what the site declares: use the Service's UID`,
    'id',
  );
}

function otherCluster(id: string, cluster: string): RpcFailure {
  return failure(
    'PERMISSION_DENIED',
    'NOT_ALLOWED',
    `${id} is not of cluster ${cluster}: only its own controller may delete it`,
    'id',
  );
}
