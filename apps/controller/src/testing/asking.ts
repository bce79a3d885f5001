import type { Desired, Surroundings } from '../desired.ts';
import { desired } from '../desired.ts';
import { service, type ServiceParts } from './objects.ts';

/** A cluster in which a Service without a class is not ours, and none has pods. */
export const AROUND: Surroundings = {
  cluster: 'prod',
  defaultClass: false,
  namespaceLabels: { team: 'web' },
  slices: [],
};

/** What is wanted for a Service of our class with one port, changed in these parts. */
export function ask(parts: ServiceParts = {}, around: Partial<Surroundings> = {}): Desired {
  return desired(service(parts), { ...AROUND, ...around });
}

export function annotated(key: string, value: string): ServiceParts {
  return { metadata: { annotations: { [key]: value } } };
}

export function ranged(...loadBalancerSourceRanges: string[]): ServiceParts {
  return { spec: { loadBalancerSourceRanges } };
}

/** The annotation of Kubernetes' own for what became spec.loadBalancerSourceRanges. */
export const OLD_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
