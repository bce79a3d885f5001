import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { diffCaught, renderChange } from './elements.ts';
import type { CaughtPort } from './types.ts';

const port = (host: string, number: number): CaughtPort => ({ address: address(host), port: number });

describe('diffCaught', () => {
  it('adds what is missing, removes what is too much and leaves the rest', () => {
    const desired = [port('10.0.0.1', 80), port('10.0.0.1', 443)];
    const observed = [port('10.0.0.1', 80), port('10.0.0.2', 80)];
    expect(diffCaught(desired, observed)).toEqual({ add: [port('10.0.0.1', 443)], remove: [port('10.0.0.2', 80)] });
  });

  it('finds nothing to do when both are the same in another order', () => {
    const ports = [port('10.0.0.1', 80), port('fd00::1', 80), port('10.0.0.1', 81)];
    expect(diffCaught(ports, ports.toReversed())).toEqual({ add: [], remove: [] });
  });
});

describe('renderChange', () => {
  it('is one line for one transaction, each family in its set', () => {
    const change = { add: [port('10.0.0.1', 80), port('fd00::1', 80)], remove: [] };
    expect(renderChange(change)).toBe(
      'add element inet fairlead tcp4 { 10.0.0.1 . 80 }; add element inet fairlead tcp6 { fd00::1 . 80 }',
    );
  });

  it('adds what goes before it deletes it, so that removing twice is no error', () => {
    expect(renderChange({ add: [], remove: [port('10.0.0.1', 80)] })).toBe(
      'add element inet fairlead tcp4 { 10.0.0.1 . 80 }; delete element inet fairlead tcp4 { 10.0.0.1 . 80 }',
    );
  });

  it('has nothing to say about nothing', () => {
    expect(renderChange({ add: [], remove: [] })).toBeUndefined();
  });
});
