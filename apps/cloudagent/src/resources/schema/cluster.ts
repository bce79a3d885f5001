import { formatRange, rangeContains } from '@fairlead/model';
import * as z from 'zod';
import type { ClusterResource } from '../types.ts';
import { address, backendAddress, choice, cidr, duration, name, port, unique } from './fields.ts';

/** `contract.md`: a Cluster-policy port uses at most this many nodes. */
const DEFAULT_MAX_BACKENDS = 16;
/** How long a node or pod that leaves keeps the connections it has. */
const DEFAULT_DRAIN_TIMEOUT_MS = 30_000;
const DAY_MS = 86_400_000;

const controlPlane = z
  .strictObject({
    vipPool: name.optional(),
    address: address.optional(),
    port: port.default(6443),
    backends: unique(backendAddress, String).min(1),
    backendPort: port.optional(),
  })
  .transform(({ vipPool, address, backendPort, ...spec }) => ({
    ...spec,
    backendPort: backendPort ?? spec.port,
    ...(vipPool === undefined ? {} : { vipPool }),
    ...(address === undefined ? {} : { address }),
  }));

const NODE_CHECKS = { auto: 'auto', healthz: 'healthz', nodePort: 'node-port' } as const;

/** One Kubernetes cluster that may ask for addresses. */
export const clusterSpec = z
  .strictObject({
    loadBalancerSet: name,
    controlPlane: controlPlane.optional(),
    nodeCIDRs: unique(cidr, formatRange).min(1),
    podCIDRs: unique(cidr, formatRange).default([]),
    nodeCheck: choice(['auto', 'healthz', 'nodePort']).default('auto'),
    podRoutes: choice(['none', 'static']).default('none'),
    drainTimeout: duration(1_000, DAY_MS).default(DEFAULT_DRAIN_TIMEOUT_MS),
    maxBackends: z.int().min(1).max(1_000).default(DEFAULT_MAX_BACKENDS),
    quota: z.strictObject({ addresses: z.int().min(0).max(1_000_000) }).optional(),
  })
  .superRefine(({ controlPlane, nodeCIDRs, podCIDRs, podRoutes }, context) => {
    if (podRoutes === 'static' && podCIDRs.length === 0) {
      const message = 'podRoutes is static, but there are no podCIDRs that it could be for: name them';
      context.addIssue({ code: 'custom', message, path: ['podRoutes'] });
    }
    for (const [index, backend] of (controlPlane?.backends ?? []).entries()) {
      if (nodeCIDRs.some((range) => rangeContains(range, backend))) continue;
      const message = `${backend} is outside nodeCIDRs: widen nodeCIDRs, or correct the address`;
      context.addIssue({ code: 'custom', message, path: ['controlPlane', 'backends', index] });
    }
  })
  .transform(({ controlPlane, nodeCIDRs, podCIDRs, quota, drainTimeout, ...spec }): ClusterResource['spec'] => ({
    ...spec,
    nodeCheck: NODE_CHECKS[spec.nodeCheck],
    nodeCidrs: nodeCIDRs,
    podCidrs: podCIDRs,
    drainTimeoutMs: drainTimeout,
    ...(controlPlane === undefined ? {} : { controlPlane }),
    ...(quota === undefined ? {} : { quota }),
  }));
