import { expect, test } from 'vitest';
import { lineSplitter } from './protocol.ts';

test('lines come whole, however the text is cut into pieces', () => {
  const text = 'one\n\ntwo three\nfour';
  for (let size = 1; size <= text.length; size++) {
    const lines: string[] = [];
    const split = lineSplitter((line) => lines.push(line));
    for (let at = 0; at < text.length; at += size) split(text.slice(at, at + size));
    expect(lines).toEqual(['one', '', 'two three']);
  }
});
