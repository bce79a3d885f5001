import { address } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limit } from '../nftables/types.ts';
import { limitChange, planLimits, shutOutSince } from './limits.ts';
import { nodePort, placed, stateOf } from '../testing/example.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const VIP = '10.9.0.150';
const KEY = `${VIP}|80`;
const READ = { families: ['ipv4', 'ipv6'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };

function wanted(vip: string, sourceRanges?: readonly string[]): Wanted {
  return wantedOf(stateOf([placed('a', vip, [nodePort(80)], sourceRanges ? { sourceRanges } : {})]), READ);
}

function limit(allowed: readonly string[], inForce = true): Limit {
  return { address: address(VIP), protocol: 'tcp', port: 80, inForce, allowed };
}

function steps(want: Wanted, ...there: Limit[]) {
  return planLimits(want, new Map(there.map((each) => [KEY, each])));
}

describe('planLimits', () => {
  it('limits a service to the ranges of its own family', () => {
    const { add } = steps(wanted(VIP, ['10.0.0.0/8', 'fd00::/8']));
    expect(add).toEqual([{ kind: 'limit', key: KEY, to: limit(['10.0.0.0/8']) }]);
  });

  it('lets nobody reach an address whose family is not named', () => {
    const { add } = steps(wanted('fd00:9::150', ['10.0.0.0/8']));
    expect(add).toMatchObject([{ to: { address: 'fd00:9::150', inForce: true, allowed: [] } }]);
  });

  it.each([
    ['without ranges', undefined],
    ['with all of its family', ['10.0.0.0/8', '0.0.0.0/0']],
  ])('leaves a service %s open, and opens it again', (_what, ranges) => {
    expect(steps(wanted(VIP, ranges))).toEqual({ add: [], remove: [] });
    const before = limit(['10.0.0.0/8']);
    expect(steps(wanted(VIP, ranges), before).add).toEqual([{ kind: 'limit', key: KEY, from: before }]);
  });

  it('has nothing to do when all is as wanted, in whatever order it is listed', () => {
    const ranges = ['10.0.0.0/8', '192.168.0.0/16'];
    expect(steps(wanted(VIP, ranges), limit(ranges.toReversed()))).toEqual({ add: [], remove: [] });
  });

  it.each([
    ['a range is missing', limit(['10.0.0.0/8'])],
    ['a range is too many', limit(['10.0.0.0/8', '192.168.0.0/16', '0.0.0.0/1'])],
    ['it is not in force', limit(['10.0.0.0/8', '192.168.0.0/16'], false)],
  ])('puts it right when %s', (_what, there) => {
    const ranges = ['10.0.0.0/8', '192.168.0.0/16'];
    expect(steps(wanted(VIP, ranges), there).add).toEqual([
      { kind: 'limit', key: KEY, from: there, to: limit(ranges) },
    ]);
  });

  it('takes the limit of a service that is gone away, after the rest of it', () => {
    const there = limit(['10.0.0.0/8']);
    expect(steps(wantedOf(stateOf([]), READ), there)).toEqual({
      add: [],
      remove: [{ kind: 'limit', key: KEY, from: there }],
    });
  });
});

describe('limitChange', () => {
  it('changes only what differs, and leaves in force what is', () => {
    expect(limitChange(limit(['10.0.0.0/8', '172.16.0.0/12']), limit(['10.0.0.0/8', '192.168.0.0/16']))).toEqual({
      port: { address: VIP, protocol: 'tcp', port: 80 },
      add: ['192.168.0.0/16'],
      remove: ['172.16.0.0/12'],
    });
  });

  it('puts all anew where somebody has put a range inside another', () => {
    const change = limitChange(limit(['10.0.0.0/8', '8.0.0.0/5']), limit(['10.0.0.0/8']));
    expect(change).toMatchObject({ remove: ['10.0.0.0/8', '8.0.0.0/5'], add: ['10.0.0.0/8'] });
    expect(limitChange(limit(['0.0.0.0/0']), limit(['10.0.0.0/8']))).toMatchObject({
      remove: ['0.0.0.0/0'],
      add: ['10.0.0.0/8'],
    });
  });

  it('leads from any limit to any other', () => {
    const any = fc.option(
      fc.record({
        allowed: fc.uniqueArray(
          fc.constantFrom<string>('10.0.0.0/8', '10.0.0.0/7', '10.1.0.0/16', '192.168.0.0/16', '0.0.0.0/0'),
        ),
        inForce: fc.boolean(),
      }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(any, any, (from, to) => {
        fc.pre(from !== undefined || to !== undefined);
        const as = (each: typeof from) => each && limit(each.allowed, each.inForce);
        const { add, remove, inForce } = limitChange(as(from), as(to));
        const after = new Set(from?.allowed.filter((each) => !remove.includes(each)));
        for (const each of add) {
          expect(after).not.toContain(each);
          after.add(each);
        }
        expect([...after].sort()).toEqual([...(to?.allowed ?? [])].sort());
        expect(inForce ?? from?.inForce ?? false).toBe(to?.inForce ?? false);
      }),
    );
  });
});

describe('shutOutSince', () => {
  const of = (one: Limit) => new Map([[KEY, one]]);

  it('tells of a limit that is new or another whom it shuts out', () => {
    const shutOut = shutOutSince(of(limit(['0.0.0.0/1'])), of(limit(['10.0.0.0/8'])));
    expect(shutOut.get(KEY)!('10.1.2.3')).toBe(false);
    expect(shutOut.get(KEY)!('11.1.2.3')).toBe(true);
    expect(shutOutSince(new Map(), of(limit([]))).get(KEY)!('10.1.2.3')).toBe(true);
  });

  it('has nothing to say of one that is as it was, or not in force', () => {
    const one = limit(['10.0.0.0/8']);
    expect(shutOutSince(of(one), of(one)).size).toBe(0);
    expect(shutOutSince(new Map(), of(limit(['10.0.0.0/8'], false))).size).toBe(0);
  });
});
