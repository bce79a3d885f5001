import type * as pb from '#gen';
import { refusal, type PlacedLoadBalancer, type Refusal } from '@fairlead/model';
import { detailOf } from '../failure.ts';
import { placedLoadBalancerFromProto } from './load-balancer.ts';

/** A load balancer that could not be read. It is left out, so that it does not keep the others from being served. */
export interface RefusedOnReading {
  readonly id: string;
  readonly refusal: Refusal;
}

/** Reads each load balancer for itself. One without an id that could be answered for throws INVALID_ARGUMENT. */
export function readPlaced(
  protos: readonly pb.PlacedLoadBalancer[],
  path: string,
): { accepted: PlacedLoadBalancer[]; refused: RefusedOnReading[] } {
  const accepted: PlacedLoadBalancer[] = [];
  const refused: RefusedOnReading[] = [];
  for (const [index, proto] of protos.entries()) {
    try {
      accepted.push(placedLoadBalancerFromProto(proto, `${path}[${index}]`));
    } catch (error) {
      const detail = detailOf(error);
      const id = proto.loadBalancer?.id ?? '';
      if (detail === undefined || id === '') throw error;
      refused.push({ id, refusal: refusal('NOT_READABLE', detail.field, detail.message) });
    }
  }
  return { accepted, refused };
}
