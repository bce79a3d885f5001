import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeDetail, encodeDetail, failure, isTransient, RpcFailure } from './failure.ts';

it('a detail survives the trailer, whatever it says, as printable ASCII', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (field, message) => {
      const detail = { reason: 'SOME_REASON', field, message };
      const encoded = encodeDetail(detail);
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeDetail(encoded)).toEqual({
        ...detail,
        field: field.toWellFormed(),
        message: message.toWellFormed(),
      });
    }),
    { numRuns: 50 },
  );
});

it('a long message is cut so that it fits into a header', () => {
  const encoded = encodeDetail({ reason: 'X', field: '', message: 'ä'.repeat(100_000) });
  expect(encoded.length).toBeLessThan(7_000);
  expect(decodeDetail(encoded)?.message).toMatch(/ä…$/);
});

it.each([[undefined], [''], ['{}'], ['null'], ['{"reason":1,"message":"x"}']])('%j is no detail', (text) => {
  expect(decodeDetail(text)).toBeUndefined();
});

it('only what may pass by itself is transient', () => {
  expect(isTransient(failure('UNAVAILABLE', 'X', 'try again'))).toBe(true);
  expect(isTransient(new RpcFailure('FAILED_PRECONDITION', { reason: 'X', field: '', message: '' }, 'remote'))).toBe(
    false,
  );
  expect(isTransient(new Error('something else'))).toBe(false);
});
