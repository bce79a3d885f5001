import { randomBytes } from 'node:crypto';

/** Nonces that were given out and not used yet. */
export interface Nonces {
  /** 32 random bytes, good for a minute and for one use. */
  issue(now: number): Buffer;
  /** True once for each nonce that is still good; it is not good afterwards, whatever else the request lacks. */
  take(nonce: Uint8Array, now: number): boolean;
}

const lifetime = 60_000;

/** Keeps at most `capacity` nonces: beyond it the oldest is forgotten, whose owner has had longest to use it. */
export function nonceBook(capacity = 16_384): Nonces {
  const goodUntil = new Map<string, number>();
  return {
    issue(now) {
      const nonce = randomBytes(32);
      goodUntil.set(nonce.toString('base64'), now + lifetime);
      const [oldest] = goodUntil.keys();
      if (goodUntil.size > capacity && oldest !== undefined) goodUntil.delete(oldest);
      return nonce;
    },
    take(nonce, now) {
      const key = Buffer.from(nonce).toString('base64');
      const until = goodUntil.get(key);
      return goodUntil.delete(key) && until !== undefined && now <= until;
    },
  };
}
