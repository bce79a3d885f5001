import { expect, it } from 'vitest';
import { parseProcesses } from './master.ts';

const HEADER = '#<PID>          <type>          <reloads>       <uptime>        <version>\n';

it('show proc tells reloads, failures, workers and those on their way out', () => {
  const reply = `${HEADER}20168           master          2 [failed: 1]   0d00h12m31s     2.6.12-1+deb12u4
# workers
27125           worker          0               0d00h00m00s     2.6.12-1+deb12u4
# old workers
20171           worker          1               0d00h12m31s     2.6.12-1+deb12u4
20172           worker          2               0d00h13m31s     2.6.12-1+deb12u4
# programs

`;
  expect(parseProcesses(reply)).toEqual({
    pid: 20168,
    reloads: 2,
    failedReloads: 1,
    workers: [27125],
    oldWorkers: [20171, 20172],
  });
});

it('anything else is not taken for an answer', () => {
  expect(() => parseProcesses('')).toThrow('show proc');
  expect(() => parseProcesses('Unknown command')).toThrow('show proc');
});
