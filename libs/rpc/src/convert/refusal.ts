import type * as pb from '#gen';
import type { Refusal } from '@fairlead/model';
import { invalid, readProse } from './check.ts';

export function refusalToProto({ reason, field, message }: Refusal): pb.Refusal.$Properties {
  return { reason, field, message };
}

/** Throws INVALID_ARGUMENT for a reason that no program could switch on. */
export function refusalFromProto(proto: pb.Refusal, path = 'refusal'): Refusal {
  if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(proto.reason)) throw invalid(`${path}.reason`, 'must be UPPER_SNAKE');
  return { reason: proto.reason, field: readProse(proto.field), message: readProse(proto.message) };
}
