import { describe, expect, it } from 'vitest';
import { identifyProcess, isAlive, parseGroup, parseStartTime } from './proc.ts';

const stat = (state: string): string =>
  `77 (a) R 1 (b) ${state} 1 70 70 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 8675309 1000 2 18446744073709551615 0 0`;

describe('parseStartTime', () => {
  it('finds the start time and the group behind a program name with blanks and brackets', () => {
    expect(parseStartTime(stat('S'))).toBe('8675309');
    expect(parseGroup(stat('S'))).toBe(70);
  });

  it('knows no start time of a zombie', () => {
    expect(parseStartTime(stat('Z'))).toBeUndefined();
  });
});

describe('isAlive', () => {
  it('recognises this very process, and no other one of the same number', () => {
    const self = identifyProcess(process.pid)!;
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startTime: '1' })).toBe(false);
    expect(isAlive({ ...self, bootId: 'another boot' })).toBe(false);
  });

  it('does not identify a process that is not there', () => {
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
  });
});
