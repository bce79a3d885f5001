import type * as pb from '#gen';
import type { Capabilities, DownBackend, DrainingBackend, MachineReport } from '@fairlead/model';
import * as read from './check.ts';
import { refusalFromProto } from './refusal.ts';
import { versionFromProto, versionToProto } from './version.ts';

export function reportToProto(report: MachineReport): pb.SyncResponse.$Properties {
  const { applied, rejected, refused, ...same } = report;
  return {
    ...same,
    applied: versionToProto(applied),
    rejected,
    refused: refused.map(({ id, reason, field, message }) => ({ id, refusal: { reason, field, message } })),
  };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function reportFromProto(proto: pb.SyncResponse): MachineReport {
  const rejected = readRejected(proto.rejected);
  return {
    applied: versionFromProto(proto.applied, 'applied'),
    ...(rejected === undefined ? {} : { rejected }),
    refused: proto.refused.map((refused, index) => refusedFromProto(refused, `refused[${index}]`)),
    ownedInstances: proto.ownedInstances.map((name, index) => read.readName(name, `owned_instances[${index}]`)),
    driftRepaired: read.readCount(proto.driftRepaired, 'drift_repaired'),
    haproxyReloads: read.readCount(proto.haproxyReloads, 'haproxy_reloads'),
    capabilities: capabilitiesFromProto(proto.capabilities),
    down: proto.down.map((down, index) => downFromProto(down, `down[${index}]`)),
    unanswered: proto.unanswered.map((id, index) => read.readId(id, `unanswered[${index}]`)),
    draining: proto.draining.map((draining, index) => drainingFromProto(draining, `draining[${index}]`)),
    findings: proto.findings.map(read.readProse),
    clock: readClock(proto.clock),
    applyMicros: read.readCount(proto.applyMicros, 'apply_micros'),
    traceparent: read.readProse(proto.traceparent),
  };
}

function readRejected(text: string): MachineReport['rejected'] {
  if (text === '') return undefined;
  if (text === 'OLDER_VERSION' || text === 'WRONG_BASE') return text;
  throw read.invalid('rejected', `is ${JSON.stringify(text.slice(0, 64))}: must be OLDER_VERSION or WRONG_BASE`);
}

function refusedFromProto(proto: pb.RefusedLoadBalancer, path: string): MachineReport['refused'][number] {
  const refusal = refusalFromProto(read.required(proto.refusal, `${path}.refusal`), `${path}.refusal`);
  return { id: read.readId(proto.id, `${path}.id`), ...refusal };
}

function capabilitiesFromProto(proto: pb.Capabilities | null | undefined): Capabilities {
  return {
    agentVersion: read.readProse(proto?.agentVersion ?? ''),
    haproxyVersion: read.readProse(proto?.haproxyVersion ?? ''),
    keepalivedVersion: read.readProse(proto?.keepalivedVersion ?? ''),
    kernelVersion: read.readProse(proto?.kernelVersion ?? ''),
  };
}

function downFromProto(proto: pb.DownBackend, path: string): DownBackend {
  return {
    loadBalancerId: read.readId(proto.loadBalancerId, `${path}.load_balancer_id`),
    port: read.readPort(proto.port, `${path}.port`),
    backend: read.readName(proto.backend, `${path}.backend`),
  };
}

function drainingFromProto(proto: pb.DrainingBackend, path: string): DrainingBackend {
  return {
    loadBalancerId: read.readId(proto.loadBalancerId, `${path}.load_balancer_id`),
    port: read.readPort(proto.port, `${path}.port`),
    backend: read.readProse(proto.backend),
    connections: proto.connections,
    seconds: proto.seconds,
  };
}

function readClock(text: string): string {
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw read.invalid('clock', 'must be a time as RFC 3339 writes it');
  }
  return text;
}
