import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';

/** Real haproxy and nftables in namespaces of their own; what happens there: `test/limits.fixture.ts`. */
const SCENARIOS = join(import.meta.dirname, 'testing', 'limits.fixture.ts');

it('a Service is open to those in its ranges; who is taken out of them is cut off at once', async () => {
  const seen = await inNamespaces<{ cutMs: number }>(SCENARIOS, 'closesAndOpens');
  expect(seen).toMatchObject({
    closed: 'ETIMEDOUT',
    opened: true,
    before: { held: true, sessions: 1 },
    after: { held: false, again: 'ETIMEDOUT' },
    everyone: true,
    left: false,
    haproxyReloads: 0,
    driftRepaired: 0,
  });
  expect(seen.cutMs).toBeLessThan(5_000);
});

it('an edit shuts nobody out for a moment who stays in, and lets nobody in for a moment who stays out', async () => {
  const seen = await inNamespaces<{ probes: { total: number; failures: string[]; said: string[]; dropped: number }[] }>(
    SCENARIOS,
    'editsUnderLoad',
  );
  const [welcome, unwelcome] = seen.probes;
  expect(welcome).toMatchObject({ failures: [], dropped: 0 });
  expect(unwelcome).toMatchObject({ said: [] });
  expect(welcome!.total).toBeGreaterThan(20);
  expect(unwelcome!.total).toBeGreaterThan(20);
  expect(seen).toMatchObject({ stillHeld: true, failures: [] });
});

it('connections that an old worker holds are cut off too', async () => {
  expect(await inNamespaces(SCENARIOS, 'cutsInOldWorkers')).toEqual({
    oldWorkers: 1,
    afterReload: true,
    afterwards: false,
  });
});

it('limits are put right when somebody changes them, outlive a restart, and leave nothing behind', async () => {
  expect(await inNamespaces(SCENARIOS, 'limitsEndure')).toEqual({
    driftCounted: true,
    afterRestart: { closed: 'ETIMEDOUT', drift: 0 },
    left: false,
  });
});
