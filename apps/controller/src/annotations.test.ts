import { expect, it } from 'vitest';
import { judgeAnnotation } from './annotations.ts';

it.each([
  ['fairlead.dev/ip', { kind: 'served' }],
  ['fairlead.dev/sharing-key', { kind: 'not-served' }],
  ['fairlead.dev/ips', { kind: 'unknown', suggestion: 'fairlead.dev/ip' }],
  ['fairlead.dev/Pool', { kind: 'unknown', suggestion: 'fairlead.dev/pool' }],
  ['fairlead.dev/timeout-cleint', { kind: 'unknown', suggestion: 'fairlead.dev/timeout-client' }],
  ['fairlead.dev/something-else', { kind: 'unknown' }],
  ['fairlead.dev/', { kind: 'unknown' }],
  [`fairlead.dev/${'x'.repeat(1024 * 1024)}`, { kind: 'unknown' }],
])('judges %.40s', (key, verdict) => {
  expect(judgeAnnotation(key)).toEqual(verdict);
});
