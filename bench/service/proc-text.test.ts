import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { anonymousMb, cpuSeconds, residentMb } from './proc-text.ts';

const ROLLUP = `55d0c8a00000-7ffd1b5f6000 ---p 00000000 00:00 0                          [rollup]
Rss:               83008 kB
Pss:               60160 kB
Pss_Anon:          31000 kB
Anonymous:         31250 kB
`;

it('reads the time of a process whose name is an obstacle', () => {
  const stat = '4242 (a ) b (c) R 1 4242 4242 0 -1 4194304 9000 0 0 0 150 50 7 8 20 0 11 0 12345 1000000 2000';
  expect(cpuSeconds(stat)).toBe(2);
  const own = cpuSeconds(readFileSync('/proc/self/stat', 'utf8'));
  const { user, system } = process.cpuUsage();
  expect(Math.abs(own - (user + system) / 1e6)).toBeLessThan(1);
});

it('reads memory in megabytes, and of its anonymous part only the whole', () => {
  expect(residentMb(ROLLUP)).toBeCloseTo(85.0, 2);
  expect(anonymousMb(ROLLUP)).toBe(32);
  expect(() => residentMb('')).toThrow('no line "Rss');
});
