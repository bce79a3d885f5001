import type * as pb from '#gen';
import { NO_VERSION, type Version } from '@fairlead/model';
import { readCount } from './check.ts';

export function versionToProto({ epoch, generation }: Version): pb.Version.$Properties {
  return { epoch, generation };
}

/** A version that was left out is {@link NO_VERSION}. Throws INVALID_ARGUMENT beyond 2^53 - 1. */
export function versionFromProto(proto: pb.Version | null | undefined, path = 'version'): Version {
  if (!proto) return NO_VERSION;
  return {
    epoch: readCount(proto.epoch, `${path}.epoch`),
    generation: readCount(proto.generation, `${path}.generation`),
  };
}
