import { parseAddress } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import type { Channel, RpcMetrics } from '@fairlead/rpc';
import {
  createClient,
  detailOf,
  loadBalancerToProto,
  LoadBalancersService,
  nodeToProto,
  pb,
  refusalFromProto,
} from '@fairlead/rpc';
import type { Cloudagent, EnsureOutcome, LoadBalancerStatus, NodeRefusal, StatusEvent } from './cloudagent.ts';
import { SessionSuperseded } from './cloudagent.ts';

/** Deleting waits for the machines; what they cannot do in this time is tried again. */
const DELETE_TIMEOUT_MS = 30_000;

/** The cloudagent at the other end of a channel, on behalf of one cluster. */
export function cloudagentOver(channel: Channel, cluster: string, metrics?: RpcMetrics): Cloudagent {
  const client = createClient(LoadBalancersService, channel, metrics && { metrics });
  return {
    openSession: (holder) =>
      translated(async () => {
        const { session, held } = await client.openSession({ cluster, holder });
        return { session, held: held.map(({ id, namespace, name }) => ({ id, namespace, name })) };
      }),
    syncNodes: (session, { full, upsert, remove }, trace) =>
      translated(async () => {
        const request = { cluster, session, full, upsert: upsert.map(nodeToProto), remove };
        const { refused } = await client.syncNodes(request, { trace });
        return refused.flatMap(({ name, refusal }): NodeRefusal[] =>
          refusal ? [{ node: name, refusal: refusalFromProto(refusal) }] : [],
        );
      }),
    ensure: (session, loadBalancer, trace) =>
      translated(async () =>
        readOutcome(await client.ensure({ session, loadBalancer: loadBalancerToProto(loadBalancer) }, { trace })),
      ),
    remove: (session, id, trace) =>
      translated(async () => {
        await client.delete({ cluster, session, id }, { trace, timeoutMs: DELETE_TIMEOUT_MS });
      }),
    async *watchStatus(session, signal) {
      try {
        for await (const message of client.watchStatus({ cluster, session }, { signal })) {
          const event = readEvent(message);
          if (event !== undefined) yield event;
        }
      } catch (error) {
        if (!signal.aborted) throw translate(error);
      }
    },
  };
}

function readOutcome({ ensured, refused }: pb.EnsureResponse): EnsureOutcome {
  if (refused) return { kind: 'refused', refusal: refusalFromProto(refused) };
  if (ensured) return { kind: 'ensured', addresses: readAddresses(ensured.addresses) };
  throw new Error('the cloudagent answered neither yes nor no: it speaks a newer version of the contract, upgrade');
}

// A kind of event that a newer cloudagent sends is none of ours.
function readEvent({ status, removed, initialStateSent }: pb.WatchStatusResponse): StatusEvent | undefined {
  if (status) return { kind: 'status', status: readStatus(status) };
  if (removed) return { kind: 'removed', id: removed };
  return initialStateSent ? { kind: 'initial-state-sent' } : undefined;
}

function readStatus(status: pb.LoadBalancerStatus): LoadBalancerStatus {
  const { id, namespace, name, message, machines, refusal, lacking, reason, leftOut } = status;
  return {
    id,
    namespace,
    name,
    addresses: readAddresses(status.addresses),
    state: readState(status.state),
    message,
    reachable: machines.length === 0 || machines.some(({ connected, applied }) => connected && applied),
    ...(refusal ? { refusal: refusalFromProto(refusal) } : {}),
    ...(reason ? { reason } : {}),
    ...(lacking ? { lacking: refusalFromProto(lacking) } : {}),
    ...(leftOut ? { leftOut: refusalFromProto(leftOut) } : {}),
  };
}

function readState(state: pb.LoadBalancerState): LoadBalancerStatus['state'] {
  if (state === pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING) return 'serving';
  return state === pb.LoadBalancerState.LOAD_BALANCER_STATE_REFUSED ? 'refused' : 'pending';
}

function readAddresses(texts: readonly string[]): Address[] {
  return texts.map((text) => {
    const parsed = parseAddress(text);
    if (!parsed.ok) throw new Error(`the cloudagent sent an address that is none: ${parsed.error}`);
    return parsed.value;
  });
}

async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error: unknown): unknown {
  const detail = detailOf(error);
  return detail?.reason === 'SESSION_SUPERSEDED' ? new SessionSuperseded(detail.message, { cause: error }) : error;
}
