import { Gauge, type Registry } from 'prom-client';

export interface CertificateSource {
  /** Of the certificate in use, milliseconds since 1970; undefined: there is none yet. */
  readonly validity: () => { readonly notBefore: number; readonly notAfter: number } | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * What every part tells of its own certificate. Both are negative once it has ended, and absent while there is none.
 * Certificates are renewed before 30 % of their life is left, so less than 20 % means that renewing fails.
 */
export function registerCertificateMetrics(registry: Registry, { validity, now }: CertificateSource): void {
  gauge(registry, 'fairlead_certificate_seconds_left', 'Until our own certificate ends.', () => {
    const found = validity();
    return found && (found.notAfter - now()) / 1000;
  });
  gauge(
    registry,
    'fairlead_certificate_life_left_ratio',
    "How much of our own certificate's life is left, 1 to 0.",
    () => {
      const found = validity();
      return found && (found.notAfter - now()) / (found.notAfter - found.notBefore);
    },
  );
}

function gauge(registry: Registry, name: string, help: string, value: () => number | undefined): void {
  const made: Gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      const found = value();
      if (found === undefined) this.remove();
      else this.set(found);
    },
  });
  registry.registerMetric(made);
}
