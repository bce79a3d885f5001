import { pb, refusalToProto } from '@fairlead/rpc';
import type { LoadBalancerStatus } from '../status.ts';

const STATES = {
  PENDING: pb.LoadBalancerState.LOAD_BALANCER_STATE_PENDING,
  SERVING: pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING,
  REFUSED: pb.LoadBalancerState.LOAD_BALANCER_STATE_REFUSED,
} as const;

/** The status as the contract tells it. */
export function statusToProto(status: LoadBalancerStatus): pb.LoadBalancerStatus.$Properties {
  const { id, namespace, name, addresses, state, refusal, lacking, reason, message, machines, leftOut } = status;
  return {
    id,
    namespace,
    name,
    addresses: [...addresses],
    state: STATES[state],
    refusal: refusal && refusalToProto(refusal),
    reason: reason ?? '',
    lacking: lacking && refusalToProto(lacking),
    message,
    machines: [...machines],
    leftOut: leftOut && refusalToProto(leftOut),
  };
}
