import { expect, it } from 'vitest';
import { renderManPage } from './man-page.ts';

it('a page says what --help says, and nothing of it is taken for a command of troff', () => {
  const help = new Map([['thing run --help', "Usage: thing run\n\n.hidden\n'quoted'\n  a\\b --flag\n"]]);
  const text = renderManPage({
    name: 'thing',
    section: 8,
    summary: 'does things',
    version: '1.2.3',
    help,
    files: [['/etc/thing', 'what it is told']],
    seeAlso: ['other(1)'],
  });
  expect(text.split('\n')).toEqual([
    '.TH THING 8 "" "Fairlead 1.2.3" Fairlead',
    '.SH NAME',
    'thing \\- does things',
    '.SH DESCRIPTION',
    '.SS thing run \\-\\-help',
    '.nf',
    'Usage: thing run',
    '',
    '\\&.hidden',
    "\\&'quoted'",
    '  a\\eb \\-\\-flag',
    '.fi',
    '.SH FILES',
    '.TP',
    '.I /etc/thing',
    'what it is told',
    '.SH SEE ALSO',
    'other(1)',
    '',
  ]);
});
