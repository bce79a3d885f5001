import type { Address, AddressFamily, Refusal } from '@fairlead/model';
import { familyOf, familyText, parseAddress, refusal, specialUse } from '@fairlead/model';
import type { ServiceObject } from '../cluster/objects.ts';

export type Requested<T> =
  { readonly ok: true; readonly value: T | undefined } | { readonly ok: false; readonly refusal: Refusal };

const IP = 'fairlead.dev/ip';

/**
 * The addresses that a Service asks for by spec.loadBalancerIP and by the annotation, at most one of each of its
 * families, in the order of these; where both name one of a family they must agree. A family without: any address.
 */
export function requestedAddresses(
  service: ServiceObject,
  families: readonly AddressFamily[],
): { readonly ok: true; readonly value: readonly Address[] } | { readonly ok: false; readonly refusal: Refusal } {
  const wishes = [...fromField(service.spec.loadBalancerIP), ...fromAnnotation(service.metadata.annotations[IP])];
  const chosen = new Map<AddressFamily, { readonly address: Address; readonly field: string }>();
  for (const wish of wishes) {
    const parsed = parseWish(wish, families);
    if (!parsed.ok) return parsed;
    const family = familyOf(parsed.value);
    const earlier = chosen.get(family);
    if (earlier !== undefined && earlier.address !== parsed.value) {
      return refuse(
        'ADDRESS_CONFLICT',
        wish.field,
        `asks for ${parsed.value}, but ${earlier.field} asks for ${earlier.address}: ask for one ${familyText(family)} address only.`,
      );
    }
    chosen.set(family, { address: parsed.value, field: wish.field });
  }
  return { ok: true, value: families.flatMap((family) => chosen.get(family)?.address ?? []) };
}

interface Wish {
  readonly text: string;
  readonly field: string;
}

// The API server stores loadBalancerIP unread; empty is how it says "none".
function fromField(value: string | undefined): Wish[] {
  return value === undefined || value === '' ? [] : [{ text: value, field: 'spec.loadBalancerIP' }];
}

function fromAnnotation(value: string | undefined): Wish[] {
  if (value === undefined) return [];
  // One address per family is a short text: what is long is no list of addresses, and is refused as a whole.
  const texts = value.length > 128 ? [value] : value.split(',');
  return texts.map((text) => ({ text: text.trim(), field: `metadata.annotations[${IP}]` }));
}

function parseWish(
  wish: Wish,
  families: readonly AddressFamily[],
): { ok: true; value: Address } | { ok: false; refusal: Refusal } {
  const parsed = parseAddress(wish.text);
  if (!parsed.ok) {
    return refuse(
      'INVALID_ADDRESS',
      wish.field,
      `${parsed.error}: write an address such as 192.168.0.157, or leave it out to get any.`,
    );
  }
  const family = familyOf(parsed.value);
  if (!families.includes(family)) {
    const asked = families.map(familyText).join(', ');
    return refuse(
      'ADDRESS_FAMILY_MISMATCH',
      wish.field,
      `${parsed.value} is an ${familyText(family)} address, but spec.ipFamilies is [${asked}]: ask for an address of a family that is there, or add ${familyText(family)} there.`,
    );
  }
  const special = specialUse(parsed.value);
  if (special !== undefined) {
    return refuse(
      'INVALID_ADDRESS',
      wish.field,
      `${parsed.value} ${special} and can never be a load balancer's: ask for an address of a pool.`,
    );
  }
  return parsed;
}

function refuse(reason: string, field: string, sentence: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: refusal(reason, field, `${field}: ${sentence}`) };
}
