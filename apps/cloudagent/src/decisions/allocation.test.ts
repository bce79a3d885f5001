import { address } from '@fairlead/model';
import { siteYaml } from '@fairlead/testing';
import { describe, expect, it } from 'vitest';
import { MutableTruth } from '../truth/mutable-truth.ts';
import { resourcesOf } from '../resources/stored.ts';
import { decide, node, service, truthOf } from '../testing/site.ts';
import type { Truth } from '../truth/truth.ts';
import { applyResources } from './apply-resources.ts';
import { ensure } from './ensure.ts';
import { remove } from './remove.ts';
import { endRests, nextRestEnd } from './serve-waiters.ts';
import { syncNodes } from './sync-nodes.ts';

const ensuring =
  (name: string, more = {}, now = 2_000) =>
  (truth: Truth) =>
    ensure(truth, service(name, more), now);
const removing =
  (name: string, now = 3_000) =>
  (truth: Truth) =>
    remove(truth, `uid-${name}`, now);

describe('ensuring a load balancer', () => {
  it('gives an address and a generation that machines have not seen', () => {
    const truth = truthOf();
    const before = truth.counters.generation;
    const answer = decide(truth, ensuring('front'));
    expect(answer).toEqual({ addresses: ['10.0.0.150'], generation: before + 1 });
    expect(truth.counters.generation).toBe(before + 1);
  });

  it('changes nothing when it is repeated', () => {
    const truth = truthOf();
    const first = decide(truth, ensuring('front'));
    const again = ensuring('front')(truth);
    expect(again).toEqual({ answer: first });
  });

  it('keeps the address when ports change, and raises its generation', () => {
    const truth = truthOf();
    const first = decide(truth, ensuring('front'));
    const second = decide(truth, ensuring('front', { ports: [{ ...service('front').ports[0]!, port: 81 }] }));
    expect(second).toEqual({ addresses: ['10.0.0.150'], generation: (first as { generation: number }).generation + 1 });
  });

  it('must be published anew when it gets another address, not when only its ports change', () => {
    const truth = truthOf();
    decide(truth, ensuring('front'));
    truth.take({
      loadBalancers: new Map([['uid-front', { ...truth.loadBalancers.get('uid-front')!, published: true }]]),
    });
    decide(truth, ensuring('front', { ports: [] }));
    expect(truth.loadBalancers.get('uid-front')).toMatchObject({ published: true });
    decide(truth, ensuring('front', { wantedAddresses: [address('10.0.0.155')] }));
    expect(truth.loadBalancers.get('uid-front')).toMatchObject({ published: false });
    expect(truth.book.holdingOf(address('10.0.0.150'))).toBeUndefined();
    expect(truth.book.restOf(address('10.0.0.150'))).toBeDefined();
  });

  it('that is refused leaves the others, and what it had, untouched', () => {
    const truth = truthOf();
    decide(truth, ensuring('front'));
    decide(truth, ensuring('other'));
    const generation = truth.counters.generation;
    const refused = decide(truth, ensuring('front', { wantedAddresses: [address('10.0.0.151')] }));
    expect(refused).toMatchObject({
      refused: { reason: 'ADDRESS_HELD', message: expect.stringContaining('shop/other') },
    });
    expect(truth.book.addressesOf('uid-front')).toEqual(['10.0.0.150']);
    expect(truth.book.addressesOf('uid-other')).toEqual(['10.0.0.151']);
    expect(truth.loadBalancers.get('uid-front')).toMatchObject({ served: { wantedAddresses: [] } });
    expect(truth.counters.generation).toBe(generation);
  });

  it('for a cluster without a set says what to declare', () => {
    const answer = decide(truthOf(), ensuring('front', { cluster: 'unknown' }));
    expect(answer).toMatchObject({ refused: { reason: 'SET_UNKNOWN', message: expect.stringContaining('unknown') } });
  });
});

describe('an exhausted pool', () => {
  const full = () => {
    const truth = truthOf(siteYaml({ vips: 2, quarantine: '0s' }));
    for (const name of ['a', 'b', 'c', 'd']) decide(truth, ensuring(name));
    return truth;
  };

  it('is named in the refusal, and the wish waits', () => {
    const truth = full();
    expect(truth.loadBalancers.get('uid-c')).toMatchObject({
      refusal: { reason: 'POOL_EXHAUSTED', message: expect.stringContaining('pool default') },
    });
    expect(truth.book.addressesOf('uid-c')).toEqual([]);
  });

  it('serves the oldest waiter in the very change that frees an address', () => {
    const truth = full();
    decide(truth, removing('a'));
    expect(truth.book.addressesOf('uid-c')).toEqual(['10.0.0.150']);
    expect(truth.loadBalancers.get('uid-c')).not.toHaveProperty('refusal');
    expect(truth.loadBalancers.get('uid-d')).toMatchObject({ refusal: { reason: 'POOL_EXHAUSTED' } });
  });

  it('does not let a waiter lose its place by asking again', () => {
    const truth = full();
    decide(truth, ensuring('c', { ports: [] }));
    decide(truth, removing('a'));
    expect(truth.book.addressesOf('uid-c')).toEqual(['10.0.0.150']);
  });

  it('serves everybody who waits when it grows, oldest first', () => {
    const truth = full();
    const put = resourcesOf(siteYaml({ vips: 3, quarantine: '0s' }));
    decide(truth, (current) => applyResources(current, { put, remove: [] }, { siteName: 'test', now: 5_000 }));
    expect(truth.book.addressesOf('uid-c')).toEqual(['10.0.0.152']);
    expect(truth.book.addressesOf('uid-d')).toEqual([]);
  });

  it('keeps a freed address at rest, then gives it to the oldest waiter, not to who comes at that moment', () => {
    const truth = truthOf(siteYaml({ vips: 1, quarantine: '60s' }));
    decide(truth, ensuring('a'));
    decide(truth, ensuring('b'));
    decide(truth, removing('a', 3_000));
    expect(truth.book.addressesOf('uid-b')).toEqual([]);
    expect(nextRestEnd(truth)).toBe(63_000);
    decide(truth, (current) => endRests(current, 62_999));
    expect(truth.book.addressesOf('uid-b')).toEqual([]);
    // Nobody has looked since the rest ended: the newcomer's own call serves the older one first.
    decide(truth, ensuring('c', {}, 63_000));
    expect(truth.book.addressesOf('uid-b')).toEqual(['10.0.0.150']);
    expect(truth.book.addressesOf('uid-c')).toEqual([]);
  });

  it('gives the same Service its resting address back at once', () => {
    const truth = truthOf(siteYaml({ vips: 1 }));
    decide(truth, ensuring('a'));
    decide(truth, removing('a'));
    expect(decide(truth, ensuring('a', { id: 'uid-new' }))).toMatchObject({ addresses: ['10.0.0.150'] });
  });
});

describe('two families', () => {
  const dualSite = (six: string) =>
    siteYaml({ vips: 2, quarantine: '0s', more: pool6(six) })
      .replace('subnets: [10.0.0.0/24]', 'subnets: [10.0.0.0/24, "fd00::/64"]')
      .replace('vipPools: [default]', 'vipPools: [default, six]');
  const pool6 = (range: string) => `---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: six}
spec: {network: lan, ranges: ["${range}"], quarantine: 0s}
`;
  const dual = { families: ['ipv6', 'ipv4'] } as const;
  const optional = { families: ['ipv4', 'ipv6'], familiesOptional: true } as const;

  it('are answered in the order asked for, also when they came one after the other, and after a restart', () => {
    const truth = truthOf(dualSite('fd00::5-fd00::9'));
    decide(truth, ensuring('front'));
    expect(decide(truth, ensuring('front', dual))).toMatchObject({ addresses: ['fd00::5', '10.0.0.150'] });
    const again = MutableTruth.copyOf(truth);
    expect(ensuring('front', dual)(again).answer).toMatchObject({ addresses: ['fd00::5', '10.0.0.150'] });
  });

  it('and one again leave the first address published and held all the time', () => {
    const truth = truthOf(dualSite('fd00::5-fd00::9'));
    decide(truth, ensuring('front'));
    decide(truth, ensuring('front', dual));
    decide(truth, ensuring('front'));
    expect(truth.book.addressesOf('uid-front')).toEqual(['10.0.0.150']);
    expect(truth.book.holdingOf(address('fd00::5'))).toBeUndefined();
  });

  it('required: what it has goes on being served while the second cannot be had', () => {
    const truth = truthOf(dualSite('fd00::5'));
    decide(truth, ensuring('other', { families: ['ipv6'] }));
    decide(truth, ensuring('front'));
    expect(decide(truth, ensuring('front', dual))).toMatchObject({
      refused: { reason: 'POOL_EXHAUSTED', message: expect.stringContaining('no free IPv6 address') },
    });
    expect(truth.loadBalancers.get('uid-front')).toMatchObject({ served: { families: ['ipv4'] } });
    decide(truth, removing('other'));
    expect(truth.book.addressesOf('uid-front')).toEqual(['10.0.0.150', 'fd00::5']);
  });

  it('preferred: served with one, told what is lacking, and given the other when it is freed', () => {
    const truth = truthOf(dualSite('fd00::5'));
    decide(truth, ensuring('other', { families: ['ipv6'] }));
    expect(decide(truth, ensuring('front', optional))).toMatchObject({ addresses: ['10.0.0.150'] });
    const held = truth.loadBalancers.get('uid-front')!;
    expect(held).toMatchObject({ lacking: { reason: 'POOL_EXHAUSTED' }, served: optional });
    expect(held).not.toHaveProperty('refusal');
    expect(ensuring('front', optional)(truth)).not.toHaveProperty('changes');
    decide(truth, removing('other'));
    expect(truth.book.addressesOf('uid-front')).toEqual(['10.0.0.150', 'fd00::5']);
    expect(truth.loadBalancers.get('uid-front')).not.toHaveProperty('lacking');
    expect(truth.loadBalancers.get('uid-front')).not.toHaveProperty('ticket');
  });

  it('preferred where there is no pool for one of them: nobody asks again until there is', () => {
    const truth = truthOf(siteYaml({ vips: 3, quarantine: '0s' }));
    decide(truth, ensuring('other'));
    decide(truth, ensuring('front', optional));
    const before = truth.loadBalancers.get('uid-front');
    decide(truth, removing('other'));
    expect(truth.loadBalancers.get('uid-front')).toBe(before);
    const put = resourcesOf(dualSite('fd00::5'));
    decide(truth, (current) => applyResources(current, { put, remove: [] }, { siteName: 'test', now: 5_000 }));
    expect(truth.book.addressesOf('uid-front')).toEqual(['10.0.0.151', 'fd00::5']);
  });

  it('never give the address at which all routers of an IPv6 subnet answer', () => {
    const truth = truthOf(dualSite('fd00::-fd00::1'));
    expect(decide(truth, ensuring('front', { families: ['ipv6'] }))).toMatchObject({ addresses: ['fd00::1'] });
  });
});

describe('load balancers that share an address', () => {
  const at = (port: number, sharingKey = 'web') => ({ sharingKey, ports: [{ ...service('x').ports[0]!, port }] });
  const both = () => {
    const truth = truthOf(siteYaml({ vips: 2 }));
    decide(truth, ensuring('a', at(80)));
    decide(truth, ensuring('b', at(443)));
    return truth;
  };
  const address150 = address('10.0.0.150');

  it('have it together, and it rests only when the last of them is gone', () => {
    const truth = both();
    expect(truth.book.holdingsOf(address150).map(({ holder }) => holder.name)).toEqual(['a', 'b']);
    decide(truth, removing('a'));
    expect(truth.book.holdingOf(address150)?.holder.name).toBe('b');
    expect(truth.book.restOf(address150)).toBeUndefined();
    decide(truth, removing('b'));
    expect(truth.book.restOf(address150)).toMatchObject({ until: 63_000 });
  });

  it('get no port that another of them has; who waits for it gets it when it is free', () => {
    const truth = both();
    const refused = decide(truth, ensuring('c', at(443)));
    expect(refused).toMatchObject({
      refused: { reason: 'ADDRESS_PORT_TAKEN', message: expect.stringContaining('prod/shop/b') },
    });
    decide(truth, ensuring('b', at(8443)));
    expect(truth.loadBalancers.get('uid-c')).not.toHaveProperty('refusal');
    expect(truth.book.addressesOf('uid-c')).toEqual(['10.0.0.150']);
  });

  it('are served as before while a change of one of them is refused', () => {
    const truth = both();
    const refused = decide(truth, ensuring('b', at(80)));
    expect(refused).toMatchObject({ refused: { message: expect.stringContaining('port TCP/80 of 10.0.0.150') } });
    expect(truth.loadBalancers.get('uid-b')?.served?.ports[0]?.port).toBe(443);
    expect(truth.book.holdingsOf(address150).map(({ share }) => share?.ports)).toEqual([['TCP/80'], ['TCP/443']]);
  });

  it('changes nothing when one of them asks again', () => {
    const truth = both();
    expect(ensuring('b', at(443))(truth)).not.toHaveProperty('changes');
  });
});

describe('nodes', () => {
  const update = (upsert: ReturnType<typeof node>[], more = {}) => ({
    cluster: 'prod',
    full: true,
    upsert,
    remove: [],
    ...more,
  });

  it('that did not change are not news to machines', () => {
    const truth = truthOf();
    decide(truth, (current) => syncNodes(current, update([node('n1', '10.0.0.101')]), 1));
    expect(syncNodes(truth, update([node('n1', '10.0.0.101')]), 1)).toEqual({ answer: [] });
  });

  it('that are missing from a full list are forgotten, from a partial one only when named', () => {
    const truth = truthOf();
    const all = [node('n1', '10.0.0.101'), node('n2', '10.0.0.102'), node('n3', '10.0.0.103')];
    decide(truth, (current) => syncNodes(current, update(all), 1));
    decide(truth, (current) => syncNodes(current, update([], { full: false, remove: ['n2', 'nobody'] }), 1));
    expect([...truth.nodes.get('prod')!.keys()]).toEqual(['n1', 'n3']);
    decide(truth, (current) => syncNodes(current, update([all[2]!]), 1));
    expect([...truth.nodes.get('prod')!.keys()]).toEqual(['n3']);
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['224.0.0.5', 'multicast'],
    ['10.0.0.20', 'LB machine lb-1'],
    ['10.0.0.150', 'VipPool default'],
    ['10.0.0.29', 'VRRP address'],
    ['10.9.9.9', 'outside the nodeCIDRs of Cluster prod'],
    ['10.200.0.5', 'outside the nodeCIDRs'],
  ])('at %s are refused: %s', (text, why) => {
    const truth = truthOf();
    const refused = decide(truth, (current) =>
      syncNodes(current, update([node('bad', text), node('good', '10.0.0.101')]), 1),
    );
    expect(refused).toEqual([
      {
        name: 'bad',
        refusal: expect.objectContaining({ reason: 'BACKEND_REFUSED', message: expect.stringContaining(why) }),
      },
    ]);
    expect(truth.nodes.get('prod')!.has('good')).toBe(true);
  });
});
