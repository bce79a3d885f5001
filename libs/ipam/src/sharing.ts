import { displayName, refusal } from '@fairlead/model';
import type { Address, Pool, Refusal } from '@fairlead/model';
import type { AddressBook, Holding, Share } from './address-book.ts';
import type { Wanted } from './permission.ts';

/** What a load balancer that shares its address takes of it; undefined: it does not share. */
export function shareOf({ sharingKey, ports }: Pick<Wanted, 'sharingKey' | 'ports'>): Share | undefined {
  if (sharingKey === undefined) return undefined;
  return { key: sharingKey, ports: ports.map(({ protocol, port }) => `${protocol}/${port}`).sort() };
}

/** Who else holds the address. */
export function othersAt(address: Address, { id }: Pick<Wanted, 'id'>, book: AddressBook): readonly Holding[] {
  return book.holdingsOf(address).filter(({ holder }) => holder.id !== id);
}

/**
 * Why a load balancer that has the address cannot go on having it beside the others; undefined: it can. Rules of the pool are
 * for those who come: a live address never moves because they changed.
 */
export function whyNotStay(address: Address, wanted: Wanted, others: readonly Holding[]): Refusal | undefined {
  const stranger = others.find(({ share }) => share?.key !== wanted.sharingKey);
  if (stranger === undefined) return collision(address, wanted, others);
  const message = `${address} is shared with ${displayName(stranger.holder)}: keep the sharing key, or delete this load balancer and make it anew`;
  return refusal('ADDRESS_SHARED', 'sharingKey', message);
}

/** Why a load balancer cannot join those who have the address; undefined: it can. `pool`: where the address is. */
export function whyNotJoin(
  address: Address,
  wanted: Wanted,
  others: readonly Holding[],
  pool: Pool | undefined,
): Refusal | undefined {
  const held = (other: Holding, why: string): Refusal =>
    refusal('ADDRESS_HELD', 'wantedAddresses', `${address} is held by ${displayName(other.holder)}${why}`);
  const advice = 'ask for another address, or delete that one first';
  for (const other of others) {
    const bothShare = wanted.sharingKey !== undefined && other.share !== undefined;
    if (other.holder.cluster !== wanted.cluster || !(bothShare || wanted.sharingKey !== undefined)) {
      return held(other, `: ${advice}`);
    }
    if (other.share?.key !== wanted.sharingKey) {
      return held(other, `, which does not have the same sharing key: give both the same, or ${advice}`);
    }
    if (other.holder.namespace !== wanted.namespace && pool?.sharing !== 'cluster') {
      const where = pool === undefined ? 'its pool' : `pool ${pool.name}`;
      return held(
        other,
        ` in another namespace, and an address of ${where} is shared within one namespace only: ${advice}, or set spec.sharing of the pool to cluster`,
      );
    }
  }
  return collision(address, wanted, others);
}

function collision(address: Address, wanted: Wanted, others: readonly Holding[]): Refusal | undefined {
  const mine = new Set(shareOf(wanted)?.ports);
  for (const { holder, share } of others) {
    const taken = share?.ports.find((port) => mine.has(port));
    if (taken === undefined) continue;
    const message = `port ${taken} of ${address} is taken by ${displayName(holder)}, which has the same sharing key: choose another port, or another key`;
    return refusal('ADDRESS_PORT_TAKEN', 'ports', message);
  }
  return undefined;
}
