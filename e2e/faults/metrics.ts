import type { Lab } from '../lab/lab.ts';

/** Samples by name with labels, as Prometheus text has them: `fairlead_epoch` or `fairlead_pool_free{pool="default"}`. */
export type Metrics = ReadonlyMap<string, number>;

/** The metrics of a program on a host, asked from that host itself, so that a cut cable is no hindrance. */
export async function readMetrics(
  lab: Pick<Lab, 'must'>,
  host: { name: string; address: string },
  port: number,
): Promise<Metrics> {
  return parseMetrics(await lab.must(host.name, ['curl', '-sf', `http://${host.address}:${port}/metrics`]));
}

export function parseMetrics(text: string): Metrics {
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const found = /^([a-z]\w*(?:\{.*\})?) (\S+)$/.exec(line);
    return found ? [[found[1]!, Number(found[2])]] : [];
  });
  return new Map(samples);
}

/** All samples of a metric, whatever their labels. */
export function samplesOf(metrics: Metrics, name: string): Map<string, number> {
  return new Map([...metrics].filter(([key]) => key === name || key.startsWith(`${name}{`)));
}
