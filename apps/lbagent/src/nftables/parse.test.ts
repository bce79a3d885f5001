import { describe, expect, it } from 'vitest';
import { isMissing, parseComplaint } from './parse.ts';

describe('parseComplaint', () => {
  it('reads what is wrong and where', () => {
    const text = [
      'Error: Could not process rule: No such file or directory',
      'delete element inet fairlead tcp4 { 10.0.0.9 . 80 }',
      '                                    ^^^^^^^^^^^^^',
      '',
    ].join('\n');
    const complaint = parseComplaint(text)!;
    expect(complaint).toEqual({ message: 'Could not process rule: No such file or directory', at: '10.0.0.9 . 80' });
    expect(isMissing(complaint)).toBe(false);
  });

  it('recognises a table that is not there', () => {
    const text = 'Error: No such file or directory\nlist table inet fairlead\n                ^^^^^^^^\n';
    expect(isMissing(parseComplaint(text)!)).toBe(true);
  });

  it('reads a complaint without a place, and none', () => {
    expect(parseComplaint('netlink: Error: Operation not permitted')).toEqual({ message: 'Operation not permitted' });
    expect(parseComplaint('')).toBeUndefined();
  });
});
