import * as z from 'zod';
import type { LoadBalancerSetResource } from '../types.ts';
import { closest } from '../closest.ts';
import { choice, duration, memory, name, parsed, unique } from './fields.ts';

/** VRRP priorities 250, 225, 200 … leave room for eight. */
export const MAX_MACHINES = 8;

/** CPUs and GiB of the sizes that AKS hybrid knows by name (`loadBalancerVmSize`). */
const SIZES: Readonly<Record<string, readonly [cpus: number, gibibytes: number]>> = {
  Default: [4, 4],
  Standard_A2_v2: [2, 4],
  Standard_A4_v2: [4, 8],
  Standard_D2s_v3: [2, 8],
  Standard_D4s_v3: [4, 16],
  Standard_D8s_v3: [8, 32],
  Standard_D16s_v3: [16, 64],
  Standard_D32s_v3: [32, 128],
  Standard_DS2_v2: [2, 7],
  Standard_DS3_v2: [4, 14],
  Standard_DS4_v2: [8, 28],
  Standard_DS5_v2: [16, 56],
  Standard_DS13_v2: [8, 56],
  Standard_K8S_v1: [4, 2],
  Standard_K8S2_v1: [2, 2],
  Standard_K8S3_v1: [4, 6],
};

const namedSize = parsed<{ cpus: number; memoryBytes: number }>((text) => {
  const size = Object.hasOwn(SIZES, text) ? SIZES[text] : undefined;
  if (size !== undefined) return { ok: true, value: { cpus: size[0], memoryBytes: size[1] * 2 ** 30 } };
  const meant = closest(text, Object.keys(SIZES));
  const hint = meant === undefined ? 'write {cpus: 2, memory: 2Gi}' : `did you mean ${meant}?`;
  return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not a size known here: ${hint}` };
});

const explicitSize = z
  .strictObject({ cpus: z.int().min(1).max(1024), memory })
  .transform(({ cpus, memory }) => ({ cpus, memoryBytes: memory }));

/** VRRPv3 counts centiseconds in 12 bits (RFC 5798, 5.2.7); below 30 ms nothing was ever measured to hold. */
const advertInterval = duration(30, 40_950).refine((interval) => interval % 10 === 0, {
  error: 'VRRP counts in steps of 10ms: write a multiple of it',
});

/** The seed writes the sku `HAProxy`. */
const sku = z.preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), choice(['haproxy']));

/** The machines that serve together. */
export const loadBalancerSetSpec = z
  .strictObject({
    sku: sku.default('haproxy'),
    count: z.int().min(1).max(MAX_MACHINES).default(2),
    size: z.union([namedSize, explicitSize]).optional(),
    nodeIpPool: name,
    vipPools: unique(name, String).min(1),
    mode: choice(['active-passive'], ['active-active']).default('active-passive'),
    vrrp: z.strictObject({ advertInterval: advertInterval.default(100) }).default({ advertInterval: 100 }),
    addressing: choice(['main-link'], ['macvlan']).default('main-link'),
    provisioner: z.unknown().default('manual'),
  })
  .superRefine(({ provisioner }, context) => {
    if (provisioner === 'manual') return;
    const message = 'a command that makes machines is not served yet: write manual, and use `fairlead machines add`';
    context.addIssue({ code: 'custom', message, path: ['provisioner'] });
  })
  .transform(({ vrrp, size, ...spec }): LoadBalancerSetResource['spec'] => ({
    ...spec,
    provisioner: 'manual',
    advertIntervalMs: vrrp.advertInterval,
    ...(size === undefined ? {} : { size }),
  }));
