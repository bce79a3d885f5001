import type { LoadBalancer, Port } from '@fairlead/model';
import type { Condition, NodeObject, ServiceObject } from '../cluster/objects.ts';
import { describeNode } from '../wanted/nodes.ts';
import type { NodeRefusal } from '../cloudagent.ts';
import type { Ensured } from '../session.ts';
import type { StatusChange } from '../status.ts';
import { clip, LEFT_OUT, PARTLY_ALLOCATED } from '../status.ts';

/** An event to be shown on an object, with upstream's reasons where it has one. */
export interface Announcement {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Tells apart events of one reason that must not be counted as one. */
  readonly about: string;
  /** True: said once; again only when the cluster has forgotten it. */
  readonly once: boolean;
}

export interface Regarding {
  readonly kind: 'Service' | 'Node';
  /** Empty for a Node. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What to say when the cloudagent has been told of a load balancer: nothing when it knew already. */
export function announceEnsured(
  service: ServiceObject,
  wanted: LoadBalancer,
  ensured: Ensured,
  nodes: readonly NodeObject[],
): Announcement[] {
  if (!ensured.sent) return [];
  const published = service.status.ingress.length > 0;
  const changed = ensured.before !== undefined && settings(ensured.before) !== settings(wanted);
  const said: Announcement[] = [];
  if (!published && ensured.before === undefined) {
    said.push(normal(service, 'EnsuringLoadBalancer', 'Ensuring load balancer'));
  } else if (changed && ensured.outcome.kind === 'ensured') {
    said.push(normal(service, 'UpdatedLoadBalancer', 'Updated load balancer with the new settings'));
  }
  if (changed || !published) said.push(...warningsOfAddress(service, wanted));
  if (!nodes.some((node) => describeNode(node).eligible)) {
    said.push(warning(service, 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer', ''));
  }
  return said;
}

/** What to say of a change of status that has been written. */
export function announceChange(service: ServiceObject, change: StatusChange, forged: boolean): Announcement[] {
  const said = change.setConditions.flatMap((condition): Announcement[] => {
    const isGood = condition.status === 'True' && !TROUBLED.includes(condition.reason);
    if (isGood || QUIET.includes(condition.reason)) return [];
    return [warning(service, reasonOf(condition.type, condition.status), condition.message, aboutOf(condition))];
  });
  const addresses = (change.ingress ?? []).map((entry) => entry.ip).join(', ');
  if (forged) {
    const message = `status.loadBalancer was changed by somebody else and has been corrected to ${addresses || 'nothing'}`;
    said.push(warning(service, 'StatusCorrected', message, ''));
  } else if (addresses !== '' && service.status.ingress.length === 0) {
    said.push(normal(service, 'EnsuredLoadBalancer', `Ensured load balancer: ${addresses}`));
  }
  return said;
}

/**
 * A wish that is refused is another event than the next one, refused for the same reason: who corrects one slip and makes
 * another is to hear of it. What pools and machines say of themselves changes by itself, and is counted as one.
 */
function aboutOf({ type, reason, message }: Condition): string {
  const isOfTheWish = type.endsWith('/Accepted') || reason.startsWith('Address');
  return isOfTheWish ? `${reason} ${message}` : reason;
}

// Served, and yet not as it was asked for.
const TROUBLED: readonly string[] = [LEFT_OUT, PARTLY_ALLOCATED];
// Conditions that only say that something is under way.
const QUIET: readonly string[] = ['Pending', 'NoAddress'];

function reasonOf(conditionType: string, status: string): string {
  if (conditionType.endsWith('/AddressAllocated')) return 'AllocationFailed';
  return status === 'Unknown' ? 'UnAvailableLoadBalancer' : 'SyncLoadBalancerFailed';
}

export function announceDeleting(service: ServiceObject): Announcement {
  return normal(service, 'DeletingLoadBalancer', 'Deleting load balancer');
}

export function announceDeleted(service: ServiceObject): Announcement {
  return normal(service, 'DeletedLoadBalancer', 'Deleted load balancer');
}

/** A turn that failed for a reason that is not the user's. */
export function announceFailure(service: ServiceObject, message: string): Announcement {
  return warning(service, 'SyncLoadBalancerFailed', `Error syncing load balancer: ${message}`, 'error');
}

export function announceNodeRefused({ node, refusal }: NodeRefusal): Announcement {
  return {
    regarding: { kind: 'Node', namespace: '', name: node, uid: node },
    type: 'Warning',
    reason: 'BackendRefused',
    message: clip(refusal.message),
    about: refusal.reason,
    once: false,
  };
}

/** What may surprise because backends see the LB machine's address. */
function warningsOfAddress(service: ServiceObject, wanted: LoadBalancer): Announcement[] {
  const hidden = wanted.ports.filter((port) => isLocal(port) && port.proxyProtocol === undefined);
  const pinned = wanted.affinity !== undefined && wanted.ports.some(({ target }) => target.kind === 'node-port');
  return [
    ...(hidden.length > 0 ? [clientAddressHidden(service, hidden)] : []),
    ...(pinned ? [clientsPinned(service)] : []),
  ];
}

function clientsPinned(service: ServiceObject): Announcement {
  const message =
    "sessionAffinity ClientIP: a client stays with its node. On the node kube-proxy sees the LB machine's address, so " +
    'all clients of a node share one of its pods for the time-out. With the annotation fairlead.dev/backend-mode: pod ' +
    'each client has a pod of its own.';
  return { ...normal(service, 'ClientsPinned', message), once: true };
}

function clientAddressHidden(service: ServiceObject, hidden: readonly Port[]): Announcement {
  const message = hidden.some(({ protocol }) => protocol === 'TCP') ? HIDDEN_OF_TCP : HIDDEN_OF_UDP;
  return { ...normal(service, 'ClientAddressHidden', message), once: true };
}

const HIDDEN_OF_TCP =
  'externalTrafficPolicy Local does not keep client addresses here: HAProxy ends the connection, so pods see the ' +
  "LB machine's address. Pods that understand the PROXY protocol are told the client's by the annotation " +
  'fairlead.dev/proxy-protocol: v2.';
const HIDDEN_OF_UDP =
  'externalTrafficPolicy Local does not keep client addresses here: the LB machine forwards UDP in its own name, ' +
  "so pods see the LB machine's address.";

function normal(service: ServiceObject, reason: string, message: string): Announcement {
  return { regarding: regarding(service), type: 'Normal', reason, message: clip(message), about: '', once: false };
}

function warning(service: ServiceObject, reason: string, message: string, about: string): Announcement {
  return { regarding: regarding(service), type: 'Warning', reason, message: clip(message), about, once: false };
}

function regarding({ metadata: { namespace, name, uid } }: ServiceObject): Regarding {
  return { kind: 'Service', namespace, name, uid };
}

function isLocal({ target }: Port): boolean {
  return target.kind === 'node-port' && target.nodes !== 'all';
}

/** Everything but where pods are ready: pods that come, go and move are no news. */
function settings(wanted: LoadBalancer): string {
  const withoutNodes = (port: Port): unknown =>
    port.target.kind === 'node-port' && port.target.nodes === 'all'
      ? port
      : { ...port, target: port.target.kind === 'node-port' ? port.target.nodePort : port.target.kind };
  return JSON.stringify({ ...wanted, ports: wanted.ports.map(withoutNodes), expectsAnswer: '' });
}
