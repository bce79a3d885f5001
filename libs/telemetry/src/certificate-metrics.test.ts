import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { registerCertificateMetrics } from './certificate-metrics.ts';

const HOUR = 3_600_000;

async function shown(validity: { notBefore: number; notAfter: number } | undefined): Promise<string[]> {
  const registry = new Registry();
  registerCertificateMetrics(registry, { validity: () => validity, now: () => 10 * HOUR });
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith('fairlead_'));
}

it('tells how long the certificate lives on, in seconds and as a part of its life', async () => {
  expect(await shown({ notBefore: 4 * HOUR, notAfter: 12 * HOUR })).toEqual([
    'fairlead_certificate_seconds_left 7200',
    'fairlead_certificate_life_left_ratio 0.25',
  ]);
});

it('is negative once the certificate has ended', async () => {
  expect(await shown({ notBefore: 4 * HOUR, notAfter: 8 * HOUR })).toEqual([
    'fairlead_certificate_seconds_left -7200',
    'fairlead_certificate_life_left_ratio -0.5',
  ]);
});

it('says nothing of a certificate that is not there yet', async () => {
  expect(await shown(undefined)).toEqual([]);
});
