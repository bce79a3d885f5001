import { address } from '@fairlead/model';
import type { Pool } from '@fairlead/model';
import { describe, expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { assign } from './assign.ts';
import { SMALL, asking, holding, outcome, pool, range, request, service } from './testing/pools.ts';

describe('asking for an address', () => {
  test('is granted when it is free', () => {
    expect(outcome(assign(request(asking('s1', '10.0.0.2'), [SMALL]), new AddressBook()))).toBe('10.0.0.2 of default');
  });

  test("s2 can't grab s1's address", () => {
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    expect(outcome(assign(request(asking('s2', '10.0.0.2'), [SMALL]), book))).toBe(
      'ADDRESS_HELD: 10.0.0.2 is held by prod/shop/s1: ask for another address, or delete that one first',
    );
  });

  test('moves a Service that held another one, which is released in the same step', () => {
    const book = new AddressBook([holding('s1', '10.0.0.1')]);
    const moved = assign(request(asking('s1', '10.0.0.2'), [SMALL]), book);
    expect(outcome(moved)).toBe('10.0.0.2 of default');
    expect(moved).toMatchObject({ released: ['10.0.0.1'] });
  });

  test.each([
    ['10.0.0.9', {}, 'ADDRESS_OUTSIDE_POOLS: 10.0.0.9 is in no pool: ask for an address of one (pools here: default)'],
    [
      'fd00::1',
      {},
      'ADDRESS_FAMILY_MISMATCH: fd00::1 is an IPv6 address, but only IPv4 is asked for: ask for an address of that family',
    ],
    [
      '10.0.0.1,10.0.0.2',
      {},
      'ADDRESS_FAMILY_MISMATCH: 10.0.0.1 and 10.0.0.2 are asked for: at most one IPv4 address can be given',
    ],
    [
      '10.0.0.2',
      { exclude: [range('10.0.0.2')] },
      'ADDRESS_EXCLUDED: 10.0.0.2 is excluded from pool default: ask for another address',
    ],
    [
      '10.0.0.2',
      { clusters: ['test'] },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for cluster test: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { namespaceSelector: { team: 'web' } },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for namespaces labelled team=web: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { serviceSelector: { tier: 'a' } },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for Services labelled tier=a: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { reservations: [{ address: address('10.0.0.2'), cluster: 'prod', namespace: 'shop', name: 'front' }] },
      'ADDRESS_RESERVED: 10.0.0.2 is reserved for prod/shop/front in pool default: ask for another address',
    ],
  ] as const)('%s is refused: %#', (text, rules: Partial<Pool>, message) => {
    const assignment = assign(request(asking('s1', text), [{ ...SMALL, ...rules }]), new AddressBook());
    expect(outcome(assignment)).toBe(message);
    expect(assignment).toMatchObject({ refusal: { field: 'wantedAddresses' } });
  });

  test("an LB machine's own address is refused and says whose it is", () => {
    const occupied = [{ range: range('10.0.0.20'), by: 'the address of machine lb-1' }];
    expect(outcome(assign(request(asking('s1', '10.0.0.20'), [SMALL], { occupied }), new AddressBook()))).toBe(
      'ADDRESS_OCCUPIED: 10.0.0.20 is the address of machine lb-1: ask for another address',
    );
  });

  test('a pool that does not give by itself gives to those who ask', () => {
    const manual = { ...SMALL, autoAssign: false };
    expect(outcome(assign(request(asking('s1', '10.0.0.2'), [manual]), new AddressBook()))).toBe('10.0.0.2 of default');
    expect(outcome(assign(request(service('s1', { pool: 'default' }), [manual]), new AddressBook()))).toBe(
      '10.0.0.1 of default',
    );
    expect(outcome(assign(request(service('s1'), [manual]), new AddressBook()))).toBe(
      'NO_POOL: no free IPv4 address for prod/shop/s1: pool default gives addresses only to those who ask for it by name. Make a pool that it may use, or open one of these',
    );
  });

  test('an address of another pool than the one named is refused', () => {
    const pools = [SMALL, pool('other', '10.0.1.0/30')];
    expect(outcome(assign(request(asking('s1', '10.0.1.1', { pool: 'default' }), pools), new AddressBook()))).toBe(
      'ADDRESS_NOT_IN_POOL: 10.0.1.1 is in pool other, but pool default is asked for: make the two agree',
    );
  });
});

describe('asking for a pool', () => {
  test('one that does not exist is refused and the ones that do are named', () => {
    expect(outcome(assign(request(service('s1', { pool: 'gold' }), [SMALL]), new AddressBook()))).toBe(
      'POOL_UNKNOWN: there is no pool gold: name one that exists (there is default)',
    );
  });

  test('one that the machines cannot announce is refused', () => {
    const pools = [SMALL, pool('far', '10.0.9.0/30')];
    const set = { name: 'edge', vipPools: ['default'] };
    expect(outcome(assign(request(service('s1', { pool: 'far' }), pools, { set }), new AddressBook()))).toBe(
      'POOL_NOT_ALLOWED: pool far is not among the vipPools of load balancer set edge: name another pool, or none',
    );
  });

  test('another one than it has moves the Service', () => {
    const pools = [SMALL, pool('gold', '10.0.1.0/30')];
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    const moved = assign(request(service('s1', { pool: 'gold' }), pools), book);
    expect(outcome(moved)).toBe('10.0.1.0 of gold');
    expect(moved).toMatchObject({ released: ['10.0.0.2'] });
  });

  test('the rules for Services do not bind what an operator declares with the pool named, and do bind it without', () => {
    const web = pool('web', '10.0.0.1-10.0.0.3', { clusters: ['prod'], namespaceSelector: { team: 'web' } });
    const plain = service('registry', { cluster: '', namespace: '' });
    expect(outcome(assign(request({ ...plain, pool: 'web' }, [web]), new AddressBook()))).toBe('10.0.0.1 of web');
    expect(outcome(assign(request(plain, [web]), new AddressBook()))).toMatch(/^NO_POOL/);
    const controlPlane = { ...plain, cluster: 'test', pool: 'web' };
    expect(outcome(assign(request(controlPlane, [web]), new AddressBook()))).toMatch(/only for cluster prod/);
  });
});
