import type { Address, Refusal } from '@fairlead/model';
import { familyOf, parseAddress, refusal, specialUse } from '@fairlead/model';
import type { ServiceObject } from './cluster/objects.ts';

export type Requested<T> =
  { readonly ok: true; readonly value: T | undefined } | { readonly ok: false; readonly refusal: Refusal };

const IP = 'fairlead.dev/ip';

/**
 * The one address that a Service asks for by spec.loadBalancerIP or by the annotation, which must agree.
 * Undefined: any. The annotation may list several, one per family; a family that is not served is refused.
 */
export function requestedAddress(service: ServiceObject): Requested<Address> {
  const wishes = [...fromField(service.spec.loadBalancerIP), ...fromAnnotation(service.metadata.annotations[IP])];
  let chosen: { readonly address: Address; readonly field: string } | undefined;
  for (const wish of wishes) {
    const parsed = parseWish(wish);
    if (!parsed.ok) return parsed;
    if (chosen !== undefined && chosen.address !== parsed.value) {
      return refuse(
        'ADDRESS_CONFLICT',
        wish.field,
        `asks for ${parsed.value}, but ${chosen.field} asks for ${chosen.address}: ask for one address only.`,
      );
    }
    chosen = { address: parsed.value, field: wish.field };
  }
  return { ok: true, value: chosen?.address };
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

function parseWish(wish: Wish): { ok: true; value: Address } | { ok: false; refusal: Refusal } {
  const parsed = parseAddress(wish.text);
  if (!parsed.ok) {
    return refuse(
      'INVALID_ADDRESS',
      wish.field,
      `${parsed.error}: write an address such as 192.168.0.157, or leave it out to get any.`,
    );
  }
  if (familyOf(parsed.value) !== 'ipv4') {
    return refuse(
      'FAMILY_NOT_SERVED',
      wish.field,
      `${parsed.value} is an IPv6 address and only IPv4 is served: ask for an IPv4 address.`,
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
