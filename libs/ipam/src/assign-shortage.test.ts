import { address } from '@fairlead/model';
import { describe, expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { assign } from './assign.ts';
import { SMALL, NOW, asking, holding, outcome, pool, request, service } from './testing/pools.ts';

describe('exhaustion', () => {
  test('names each pool tried and why it gave nothing', () => {
    const pools = [
      pool('default', '10.0.0.1-10.0.0.3', { reservations: [{ ...service('kept'), address: address('10.0.0.3') }] }),
      pool('asked', '10.0.1.0/30', { autoAssign: false }),
      pool('test', '10.0.2.0/30', { clusters: ['test', 'dev'] }),
      pool('six', 'fd00::/64'),
      pool('web', '10.0.3.0/30', { namespaceSelector: { team: 'web' } }),
    ];
    const book = new AddressBook([holding('s1', '10.0.0.1'), holding('s2', '10.0.0.2')]);
    book.release(address('10.0.0.2'), NOW + 5_000);
    expect(outcome(assign(request(service('s3'), pools), book))).toBe(
      'POOL_EXHAUSTED: no free IPv4 address for prod/shop/s3: pool asked gives addresses only to those who ask for it by name; ' +
        'pool default is full (1 held, 1 reserved, 1 resting, the next until 2026-01-01T12:00:05Z); pool six has no IPv4 range; ' +
        'pool test is only for clusters dev, test; pool web is only for namespaces labelled team=web. ' +
        'Widen a pool, or delete a load balancer that is not needed',
    );
  });

  test('a second pool is used when the first is full', () => {
    const pools = [pool('a', '10.0.0.1'), pool('b', '10.0.1.1')];
    const book = new AddressBook([holding('s1', '10.0.0.1')]);
    expect(outcome(assign(request(service('s2'), pools), book))).toBe('10.0.1.1 of b');
  });

  test('without any pool it says so', () => {
    expect(outcome(assign(request(service('s1'), []), new AddressBook()))).toBe(
      'NO_POOL: no free IPv4 address for prod/shop/s1: there is no pool. Make a pool that it may use, or open one of these',
    );
  });
});

describe('quota', () => {
  const book = new AddressBook([holding('s1', '10.0.0.1'), holding('other', '10.0.0.2', { cluster: 'test' })]);

  test('a cluster gets no more addresses than it may have, other clusters do not count', () => {
    expect(outcome(assign(request(service('s2'), [SMALL], { quota: 1 }), book))).toBe(
      'QUOTA_EXCEEDED: cluster prod holds 1 addresses and may hold 1: raise quota.addresses of Cluster prod, or delete a load balancer that is not needed',
    );
    expect(outcome(assign(request(service('s2'), [SMALL], { quota: 2 }), book))).toBe('10.0.0.3 of default');
  });

  test('who has an address keeps it, and may swap it, when the quota was lowered', () => {
    expect(outcome(assign(request(service('s1'), [SMALL], { quota: 0 }), book))).toBe('10.0.0.1 of default');
    expect(outcome(assign(request(asking('s1', '10.0.0.3'), [SMALL], { quota: 0 }), book))).toBe('10.0.0.3 of default');
  });
});
