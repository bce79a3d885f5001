import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { renderLimits } from './limits.ts';
import type { LimitChange } from './types.ts';

const change = (host: string, more: Partial<LimitChange>): LimitChange => ({
  port: { address: address(host), protocol: 'tcp', port: 80 },
  add: [],
  remove: [],
  ...more,
});

it('fills a new limit before it is in force', () => {
  expect(renderLimits([change('10.0.0.1', { inForce: true, add: ['10.0.0.0/8', '192.168.1.1/32'] })])).toEqual([
    'add element inet fairlead ok4 { 10.0.0.1 . 6 . 80 . 10.0.0.0/8, 10.0.0.1 . 6 . 80 . 192.168.1.1/32 }',
    'add element inet fairlead lim4 { 10.0.0.1 . 6 . 80 }',
  ]);
});

it('empties a limit after it is out of force', () => {
  const port = { address: address('fd00::1'), protocol: 'udp', port: 53 } as const;
  expect(renderLimits([{ port, inForce: false, add: [], remove: ['fd00::/8'] }])).toEqual([
    'delete element inet fairlead lim6 { fd00::1 . 17 . 53 }',
    'delete element inet fairlead ok6 { fd00::1 . 17 . 53 . fd00::/8 }',
  ]);
});

it('goes from one list to another in one transaction, what goes first', () => {
  expect(renderLimits([change('10.0.0.1', { add: ['10.1.0.0/16'], remove: ['10.0.0.0/8'] })])).toEqual([
    'delete element inet fairlead ok4 { 10.0.0.1 . 6 . 80 . 10.0.0.0/8 }; add element inet fairlead ok4 { 10.0.0.1 . 6 . 80 . 10.1.0.0/16 }',
  ]);
});

it('closes a port to everyone without a list', () => {
  expect(renderLimits([change('10.0.0.1', { inForce: true })])).toEqual([
    'add element inet fairlead lim4 { 10.0.0.1 . 6 . 80 }',
  ]);
});

it('has nothing to say about nothing', () => {
  expect(renderLimits([])).toEqual([]);
  expect(renderLimits([change('10.0.0.1', {})])).toEqual([]);
});
