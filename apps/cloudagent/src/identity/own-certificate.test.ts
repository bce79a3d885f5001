import { openAuthority } from '@fairlead/certs';
import { createLogger } from '@fairlead/telemetry';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { keepOwnCertificate } from './own-certificate.ts';

it('one that cannot be renewed is told of with its end and the reason, until it is', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-own-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const authority = await openAuthority(directory, { site: 'test', now: Date.now() });
  let isDamaged = false;
  let later = 0;
  const problems: (string | undefined)[] = [];
  const own = await keepOwnCertificate({
    site: 'test',
    freshAuthority: () =>
      isDamaged
        ? Promise.reject(new Error('issuing.key is damaged: restore all of it from a backup'))
        : Promise.resolve(authority),
    lifetime: 3_000,
    log: createLogger({ component: 'test', level: 'fatal' }),
    now: () => Date.now() + later,
    random: () => 0.5,
    onProblem: (problem) => problems.push(problem),
  });
  onTestFinished(() => own.stop());
  isDamaged = true;
  const until = new Date(own.facts().notAfter).toISOString();
  await expect
    .poll(() => problems[0], { timeout: 10_000 })
    .toBe(
      `the certificate of the cloudagent, good until ${until}, is not renewed: issuing.key is damaged: restore all of it from a backup`,
    );
  isDamaged = false;
  later = 60_000;
  await expect.poll(() => problems.at(-1), { timeout: 10_000 }).toBeUndefined();
  expect(own.facts().notAfter).toBeGreaterThan(Date.parse(until));
});
