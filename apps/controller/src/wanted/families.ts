import type { AddressFamily, Refusal } from '@fairlead/model';
import { refusal } from '@fairlead/model';
import type { ServiceSpec } from '../cluster/objects.ts';

export interface RequestedFamilies {
  /** One address each, in this order: the first is the Service's own, the one that clients without a choice use. */
  readonly families: readonly AddressFamily[];
  /** True: those that cannot be had are left out, as long as one can (PreferDualStack). */
  readonly optional: boolean;
}

/**
 * The families of a Service, as the API server fills them in: `ipFamilies` follows from `ipFamilyPolicy` and from what
 * the cluster has, so on a cluster of one family PreferDualStack names one. Without any (an API server fills in none
 * for types that have no addresses): IPv4.
 */
export function requestedFamilies(
  spec: Pick<ServiceSpec, 'ipFamilies' | 'ipFamilyPolicy'>,
): { readonly ok: true; readonly value: RequestedFamilies } | { readonly ok: false; readonly refusal: Refusal } {
  const names = spec.ipFamilies ?? [];
  const strange = names.find((name) => !Object.hasOwn(FAMILIES, name));
  if (strange !== undefined) {
    return refuse('ipFamilies', `${quote(strange)} is not a family of addresses; write IPv4 or IPv6.`);
  }
  if (new Set(names).size < names.length) return refuse('ipFamilies', 'names a family twice; remove one of the two.');
  const policy = spec.ipFamilyPolicy ?? 'SingleStack';
  if (!POLICIES.includes(policy)) {
    return refuse('ipFamilyPolicy', `${quote(policy)} is not known; set it to one of ${POLICIES.join(', ')}.`);
  }
  if (policy === 'RequireDualStack' && names.length < 2) {
    return refuse(
      'ipFamilyPolicy',
      'RequireDualStack needs both IPv4 and IPv6 in spec.ipFamilies; add what is missing.',
    );
  }
  const families =
    names.length === 0 ? (['ipv4'] as const) : names.map((name) => FAMILIES[name as keyof typeof FAMILIES]);
  return { ok: true, value: { families, optional: policy === 'PreferDualStack' && families.length > 1 } };
}

const FAMILIES = { IPv4: 'ipv4', IPv6: 'ipv6' } as const;
const POLICIES: readonly string[] = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];

function refuse(field: string, sentence: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: refusal('INVALID_FAMILIES', `spec.${field}`, `spec.${field}: ${sentence}`) };
}

/** Text of a user's, short and with control characters escaped. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
