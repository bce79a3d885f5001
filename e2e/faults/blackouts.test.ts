import { expect, it } from 'vitest';
import { blackouts, causesOf, tellBlackout } from './blackouts.ts';
import type { Hit } from './storm.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const outage = (at: number, ms: number) => ({ from: new Date(START + at).toISOString(), ms, attempts: 1, open: false });
const hit = (name: string, at: number): Hit => ({
  target: { host: 'lb-1', name, isDataPlane: true, isKept: false },
  at: START + at,
});

it('outages that begin together are one blackout, as long as the longest', () => {
  const found = blackouts({ b: [outage(1_100, 50), outage(9_000, 10)], a: [outage(1_000, 20)] });
  expect(found).toEqual([
    { from: START + 1_000, ms: 50, addresses: ['a', 'b'] },
    { from: START + 9_000, ms: 10, addresses: ['b'] },
  ]);
});

it('a blackout is told with what was killed shortly before, and without a cause when nothing was', () => {
  const [blackout] = blackouts({ a: [outage(10_000, 20)] });
  const hits = [hit('haproxy', 1_000), hit('keepalived', 9_000), hit('haproxy', 9_900), hit('kube-proxy', 20_000)];
  expect(tellBlackout(blackout!, causesOf(blackout!, hits, 5_000))).toBe(
    '2026-01-01T00:00:10.000Z for 20 ms at 1 address: haproxy on lb-1 100 ms before, keepalived on lb-1 1000 ms before',
  );
  expect(tellBlackout(blackout!, causesOf(blackout!, [], 5_000))).toContain('nothing was killed before');
});
