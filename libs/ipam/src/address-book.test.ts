import { address } from '@fairlead/model';
import { expect, test } from 'vitest';
import { AddressBook, AddressHeldError } from './address-book.ts';

const front = { id: 'uid-1', cluster: 'prod', namespace: 'shop', name: 'front' };
const back = { id: 'uid-2', cluster: 'prod', namespace: 'shop', name: 'back' };
const [one, two] = [address('10.0.0.1'), address('10.0.0.2')];

test('an address is never noted for two holders', () => {
  const book = new AddressBook([{ address: one, holder: front, since: 0 }]);
  expect(() => book.hold({ address: one, holder: back, since: 0 })).toThrow(AddressHeldError);
  expect(() => book.hold({ address: one, holder: back, since: 0 })).toThrow(
    '10.0.0.1 would be held twice, by prod/shop/front (uid-1) and prod/shop/back (uid-2)',
  );
  expect(book.holdingOf(one)?.holder).toEqual(front);
});

test('noting the same holder again changes nothing', () => {
  const book = new AddressBook([{ address: one, holder: front, since: 0 }]);
  book.hold({ address: one, holder: front, since: 0 });
  expect(book.countOf('prod')).toBe(1);
  expect(book.addressesOf('uid-1')).toEqual([one]);
});

test('a released address rests until its time is over, then it is forgotten', () => {
  const book = new AddressBook([{ address: one, holder: front, since: 0 }]);
  book.release(one, 1_000);
  expect(book.holdingOf(one)).toBeUndefined();
  expect(book.restOf(one)).toEqual({ address: one, lastHolder: front, until: 1_000 });
  expect(book.wake(999)).toEqual([]);
  expect(book.wake(1_000)).toEqual([one]);
  expect([...book.rests()]).toEqual([]);
  expect(book.formerAddressesOf(front)).toEqual([]);
});

test('an address that is held does not rest, even when both were stored', () => {
  const book = new AddressBook(
    [{ address: one, holder: front, since: 0 }],
    [{ address: one, lastHolder: back, until: 1_000 }],
  );
  expect(book.restOf(one)).toBeUndefined();
});

test('former addresses come last freed first', () => {
  const rests = [one, two].map((address, index) => ({ address, lastHolder: front, until: 1_000 + index }));
  expect(new AddressBook([], rests).formerAddressesOf({ ...front, id: 'new' })).toEqual([two, one]);
});

test('the same name in another namespace or cluster is somebody else', () => {
  const book = new AddressBook([], [{ address: one, lastHolder: front, until: 1_000 }]);
  expect(book.formerAddressesOf({ ...front, id: 'new', namespace: 'test' })).toEqual([]);
  expect(book.formerAddressesOf({ ...front, id: 'new', cluster: 'test' })).toEqual([]);
});
