import { expect, test } from 'vitest';
import { summarise, type Attempt } from './attempts.ts';
import { readGreeting, readResponse } from './probe.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const good = (start: number, ms = 1): Attempt => ({ start, end: start + ms, failure: undefined, backend: 'a' });
const bad = (start: number, failure = 'timeout'): Attempt => ({ start, end: start + 900, failure, backend: '' });
const sum = (attempts: readonly Attempt[]) => summarise(attempts, 0.25, (time) => START + time);

test('an outage lasts from the start of its first bad attempt to the start of the next good one', () => {
  const report = sum([good(0), bad(10), bad(20), bad(30), good(40), bad(50, 'ECONNREFUSED'), good(60)]);
  expect(report.outages).toEqual([
    { from: '2026-01-01T00:00:00.010Z', ms: 30, attempts: 3, open: false },
    { from: '2026-01-01T00:00:00.050Z', ms: 10, attempts: 1, open: false },
  ]);
  expect(report).toMatchObject({ attempts: 7, ok: 3, failed: 4, longestOutageMs: 30 });
  expect(report.failures).toEqual({ timeout: 3, ECONNREFUSED: 1 });
});

test('attempts count in the order in which they started, not in which they ended', () => {
  const inOrder = [good(0), bad(10), bad(20), good(30), good(40)];
  expect(sum(inOrder.toReversed())).toEqual(sum(inOrder));
});

test('an outage that has not ended is as long as what was seen of it, and open', () => {
  expect(sum([good(0), bad(10), bad(20)]).outages).toEqual([
    { from: '2026-01-01T00:00:00.010Z', ms: 910, attempts: 2, open: true },
  ]);
});

test('without attempts there is nothing to report', () => {
  expect(sum([])).toMatchObject({ attempts: 0, longestOutageMs: 0, latencyMs: { p50: 0, p99: 0, max: 0 } });
});

test('latency is that of the good attempts alone', () => {
  const report = sum([bad(0), ...Array.from({ length: 100 }, (_, n) => good(10 * n, n + 1))]);
  expect(report.latencyMs).toEqual({ p50: 51, p99: 100, max: 100 });
});

test.each([
  ['node-1 saw 10.9.0.100:1234\n', { failure: undefined, backend: 'node-1' }],
  ['node-1 saw 10.9.0.100:1234', undefined],
  ['SSH-2.0-OpenSSH\n', { failure: 'wrong answer', backend: '' }],
])('the greeting %j is read as %j', (text, verdict) => {
  expect(readGreeting(text)).toEqual(verdict);
});

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n';

test.each([
  [`${HEAD}a saw 1.2.3:4\n`, { failure: undefined, backend: 'a' }],
  [`${HEAD}a saw 1`, undefined],
  [HEAD.slice(0, 30), undefined],
  ['HTTP/1.1 503 Service Unavailable\r\n\r\n', { failure: 'status 503', backend: '' }],
  ['not http\r\n\r\n', { failure: 'wrong answer', backend: '' }],
])('the response %j is read as %j', (text, verdict) => {
  expect(readResponse(text)).toEqual(verdict);
});
