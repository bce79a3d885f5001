import { AFFINITY_RANGE_SECONDS, familyOf, familyText } from '@fairlead/model';
import type { Address, AddressFamily, Labels, LoadBalancer } from '@fairlead/model';
import * as z from 'zod';
import type { LoadBalancerResource } from '../types.ts';
import { address, backendAddress, choice, name, port, sourceRange, unique } from './fields.ts';

const FAMILIES = { IPv4: 'ipv4', IPv6: 'ipv6' } as const;

const staticPort = z.strictObject({
  name: name.optional(),
  port,
  targetPort: port.optional(),
  protocol: choice(['TCP', 'UDP'], ['SCTP']).default('TCP'),
});

const backend = z.strictObject({ name, address: backendAddress });

const MAX_SOURCE_RANGES = 5_000;
const [LEAST_SECONDS, MOST_SECONDS] = AFFINITY_RANGE_SECONDS;
const affinitySeconds = z.int().min(LEAST_SECONDS).max(MOST_SECONDS);

/** As Kubernetes fills it in. */
const USUAL_AFFINITY_SECONDS = 10_800;

/** A load balancer for something outside Kubernetes. */
export const loadBalancerSpec = z
  .strictObject({
    loadBalancerSet: name,
    vipPool: name.optional(),
    address: address.optional(),
    ipFamilies: unique(choice<keyof typeof FAMILIES>(['IPv4', 'IPv6']), String)
      .min(1)
      .optional(),
    ports: unique(staticPort, ({ port, protocol }) => `${port}/${protocol}`)
      .min(1)
      .max(128),
    backends: unique(backend, ({ name }) => `backend ${name}`)
      .min(1)
      .max(1_000),
    loadDistribution: choice(['Default', 'SourceIP']).default('Default'),
    loadBalancerSourceRanges: unique(sourceRange, String).min(1).max(MAX_SOURCE_RANGES).optional(),
    sessionAffinity: choice(['None', 'ClientIP']).default('None'),
    sessionAffinityConfig: z.strictObject({ clientIP: z.strictObject({ timeoutSeconds: affinitySeconds }) }).optional(),
  })
  .superRefine((spec, context) => {
    const { ports, backends, address, ipFamilies } = spec;
    const unreached = unreachedByUdp(spec);
    if (unreached) context.addIssue({ code: 'custom', ...unreached });
    if (address !== undefined && ipFamilies?.some((family) => FAMILIES[family] === familyOf(address)) === false) {
      const message = `${address} is of none of the ipFamilies: add its family there, or ask for another address`;
      context.addIssue({ code: 'custom', path: ['address'], message });
    }
    for (const [index, { name }] of ports.entries()) {
      const where = { code: 'custom' as const, path: ['ports', index] };
      if (name === undefined && ports.length > 1) {
        context.addIssue({ ...where, message: 'with several ports, each one needs a name' });
      } else if (name !== undefined && ports.findIndex((other) => other.name === name) < index) {
        context.addIssue({ ...where, message: `another port is called ${name} already: rename one` });
      }
    }
    for (const [index, { address }] of backends.entries()) {
      if (backends.findIndex((other) => other.address === address) === index) continue;
      const message = `${address} is a backend already: remove one of the two`;
      context.addIssue({ code: 'custom', path: ['backends', index, 'address'], message });
    }
  });

function affinityOf({
  sessionAffinity,
  sessionAffinityConfig,
}: z.output<typeof loadBalancerSpec>): Pick<LoadBalancer, 'affinity'> {
  if (sessionAffinity === 'None') return {};
  const { timeoutSeconds = USUAL_AFFINITY_SECONDS } = sessionAffinityConfig?.clientIP ?? {};
  return { affinity: { timeoutSeconds } };
}

/** What to serve for it. */
export function staticLoadBalancer(
  { name, labels }: { readonly name: string; readonly labels: Labels },
  spec: z.output<typeof loadBalancerSpec>,
): LoadBalancerResource['spec'] {
  const { loadBalancerSet, vipPool, address, loadBalancerSourceRanges: ranges } = spec;
  const loadBalancer: LoadBalancer = {
    id: `static/${name}`,
    cluster: '',
    namespace: '',
    name,
    wantedAddresses: address === undefined ? [] : [address],
    ...(vipPool === undefined ? {} : { pool: vipPool }),
    families: familiesOf(spec),
    ports: spec.ports.map(({ name = '', protocol, port, targetPort }) => ({
      name,
      protocol,
      port,
      target: {
        kind: 'endpoints',
        endpoints: spec.backends.map((backend) => ({ ...backend, port: targetPort ?? port, draining: false })),
      },
      check: { kind: 'tcp' },
    })),
    labels,
    namespaceLabels: {},
    ...(ranges === undefined ? {} : { sourceRanges: [...ranges].sort() }),
    ...(spec.loadDistribution === 'SourceIP' ? { options: { algorithm: 'source' as const } } : {}),
    ...affinityOf(spec),
  };
  return {
    loadBalancerSet,
    ...(vipPool === undefined ? {} : { vipPool }),
    ...(address === undefined ? {} : { address }),
    loadBalancer,
  };
}

interface FamilySpec {
  readonly ipFamilies?: readonly (keyof typeof FAMILIES)[] | undefined;
  readonly address?: Address | undefined;
  readonly backends: readonly { readonly address: Address }[];
}

/** HAProxy connects anew, in any family; the kernel forwards within one. */
function unreachedByUdp(spec: FamilySpec & { readonly ports: readonly { readonly protocol: string }[] }) {
  const port = spec.ports.findIndex(({ protocol }) => protocol === 'UDP');
  if (port < 0 || spec.backends.length === 0) return undefined;
  const has = (family: AddressFamily): boolean => spec.backends.some(({ address: at }) => familyOf(at) === family);
  const lacking = familiesOf(spec).find((family) => !has(family));
  if (lacking === undefined) return undefined;
  const family = familyText(lacking);
  const message = `UDP at an ${family} address needs a backend that has one: add it, or take ${family} out of the ipFamilies`;
  return { path: ['ports', port], message };
}

/** As written; else that of the address asked for, else that of the backends. */
function familiesOf({ ipFamilies, address, backends }: FamilySpec): readonly AddressFamily[] {
  return ipFamilies?.map((family) => FAMILIES[family]) ?? [familyOf(address ?? backends[0]!.address)];
}
