import { expect, test } from 'vitest';
import { effectOn, statusBody } from './rules.ts';

const LIST = { method: 'GET', path: '/api/v1/services', watch: false };
const silence = { kind: 'silence' } as const;

test('the first rule of which everything matches decides, and without one a request passes', () => {
  const rules = [
    { match: { method: 'PATCH' }, effect: silence },
    { match: { path: '/api/v1/services', watch: true }, effect: silence },
    { match: { path: '/api/v1/' }, effect: { kind: 'answer', status: 500 } as const },
  ];
  expect(effectOn(LIST, rules)).toEqual({ kind: 'answer', status: 500 });
  expect(effectOn({ ...LIST, watch: true }, rules)).toEqual(silence);
  expect(effectOn({ ...LIST, path: '/apis/coordination.k8s.io/v1/leases' }, rules)).toBeUndefined();
  expect(effectOn(LIST, [{ match: {}, effect: silence }])).toEqual(silence);
});

test('an error says what it is as the API server does', () => {
  expect(statusBody(410)).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
  expect(statusBody(429, 2)).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 2 } });
});
