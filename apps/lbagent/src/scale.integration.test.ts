import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';
import type { Scale, Seen } from './scale.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'scale.fixture.ts');

it('5,000 Services on 200 nodes are held by HAProxy, and changes of them cost what they change', async () => {
  const order: Scale = { services: 5_000, nodes: 200, maxBackends: 16 };
  const seen = await inNamespaces<Seen>(FIXTURE, 'scale', order);
  console.log(seen);
  expect(seen).toMatchObject({ servers: 80_000, isAccepted: true, again: 0 });
  expect(seen.haproxyMegabytes).toBeLessThan(1_500);
  expect(seen.megabytes).toBeLessThan(1_500);
  // Sixteen servers, their checks, which all are there, and what leads to them.
  expect(seen.oneMore).toBeLessThan(25);
  // A node serves about one Service of twelve.
  expect(seen.comeForNode).toBeGreaterThan(200);
  expect(seen.comeForNode).toBeLessThan(800);
}, 120_000);
