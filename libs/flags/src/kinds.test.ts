import { expect, it } from 'vitest';
import type { Kind } from './flag.ts';
import { absolutePath, duration, hostPort, name, oneOf, plainPath, wholeNumber } from './kinds.ts';

it.each<[string, Kind<unknown>, readonly [string, unknown][], readonly string[]]>([
  [
    'an address',
    hostPort,
    ['ca:7421', '0.0.0.0:0', '[fd00::1]:65535'].map((text) => [text, text]),
    ['nowhere', ':1', 'fd00::1:80', '[x]:80', 'a b:80', 'a:65536', 'a:1 ', ''],
  ],
  [
    'a time span',
    duration,
    [
      ['90s', 90_000],
      ['30m', 1_800_000],
      ['24h', 86_400_000],
      ['30d', 2_592_000_000],
    ],
    ['0s', '3 days', '1.5h', '-1s', 'h', ''],
  ],
  [
    'a number within its limits',
    wholeNumber('n', 16, 512),
    [
      ['16', 16],
      ['512', 512],
    ],
    ['15', '513', '1e2', '+20', '', ' 20', '0x20'],
  ],
  ['one of some words', oneOf('w', ['child', 'systemd']), [['child', 'child']], ['Child', 'docker', '']],
  ['a name', name, [['lb-1', 'lb-1']], ['Lb_1', '-a', 'a'.repeat(64), '']],
  [
    'a path without odd characters',
    plainPath('dir'),
    [['/run/x-1_2.d', '/run/x-1_2.d']],
    ['relative', '/a b', '/a"', '/a\n', '/$x', ''],
  ],
  ['a path', absolutePath, [['/a b', '/a b']], ['relative', '']],
])('%s is read, and nothing else for one', (_what, kind, good, bad) => {
  const { read } = kind('help');
  expect(good.map(([text]) => read(text))).toEqual(good.map(([, value]) => value));
  expect(bad.filter((text) => read(text) !== undefined)).toEqual([]);
});
