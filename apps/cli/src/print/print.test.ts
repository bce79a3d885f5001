import { expect, test } from 'vitest';
import { formatAge, formatLifetime } from './age.ts';
import { ANSI_PAINT } from './colour.ts';
import { renderTable, widthsOf } from './table.ts';

test('columns are as wide as their widest cell and lines end where their text ends', () => {
  const table = {
    header: ['NAME', 'X'],
    rows: [
      ['a', 'long text'],
      ['longer name', ''],
    ],
  };
  expect(renderTable(table)).toBe('NAME          X\na             long text\nlonger name\n');
  expect(renderTable(table, false)).toBe('a             long text\nlonger name\n');
  expect(renderTable({ header: ['N'], rows: [] }, false)).toBe('');
});

test('rows that come later stay in the columns of those before', () => {
  const widths = widthsOf({ header: ['NAME', 'X'], rows: [['longer name', 'x']] });
  expect(renderTable({ header: [], rows: [['a', 'b']] }, false, widths)).toBe('a             b\n');
});

test('colours take no place', () => {
  const rows = [
    [ANSI_PAINT.good('ok'), 'x'],
    ['broken', 'y'],
  ];
  expect(renderTable({ header: [], rows }, false)).toBe('\u001B[32mok\u001B[0m       x\nbroken   y\n');
});

test.each([
  [-5, '0s'],
  [999, '0s'],
  [59_000, '59s'],
  [200_000, '3m20s'],
  [2_820_000, '47m'],
  [18_720_000, '5h12m'],
  [43_200_000, '12h'],
  [183_600_000, '2d3h'],
  [1_036_800_000, '12d'],
])('%i ms is %s', (milliseconds, text) => {
  expect(formatAge(milliseconds)).toBe(text);
});

test('a lifetime that has just begun is told whole', () => {
  expect([86_399_200, 43_199_000, 59_000].map(formatLifetime)).toEqual(['1d', '12h', '59s']);
});
