import type { MachineReport } from '@fairlead/model';
import { expect, it } from 'vitest';
import { findingsOf } from './findings.ts';

const HOUR = 3_600_000;
const report = { findings: ['its disk is full: make room'] } as unknown as MachineReport;

it('what a machine found is told as it is, and a clock that is about right is no finding', () => {
  expect(findingsOf({})).toEqual([]);
  expect(findingsOf({ report, clockSkewMs: 60_000 })).toEqual(report.findings);
  expect(findingsOf({ report, clockSkewMs: -60_000 })).toEqual(report.findings);
});

it.each([
  [61_000, '61 seconds ahead of'],
  [-90_000, '90 seconds behind'],
  [-1.9 * HOUR, '114 minutes behind'],
  [2 * HOUR, '2 hours ahead of'],
  [-365.2 * 24 * HOUR, '365 days behind'],
])('a clock that is %i ms off is told after the rest, as %s ours, with what to do', (clockSkewMs, off) => {
  expect(findingsOf({ report, clockSkewMs })).toEqual([
    ...report.findings,
    `its clock is ${off} that of the cloudagent: set the one that is wrong (see timedatectl), both judge certificates by it`,
  ]);
});
