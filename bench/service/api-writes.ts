import { type Metrics, parseMetrics, samplesOf } from '../../e2e/faults/metrics.ts';
import type { Cluster } from '../../e2e/tests/cluster.ts';

/** How many requests to change something the API server has got, also such as changed nothing. */
export interface ApiWrites {
  /** To Services or their status, without creations and removals. */
  readonly services: number;
  readonly events: number;
}

export async function readApiWrites(cluster: Cluster): Promise<ApiWrites> {
  return countWrites(parseMetrics(await cluster.kubectl(['get', '--raw', '/metrics'])));
}

/** Of the API server's metrics. */
export function countWrites(metrics: Metrics): ApiWrites {
  return {
    services: countOf(metrics, 'services', ['PUT', 'PATCH', 'APPLY']),
    events: countOf(metrics, 'events', ['POST', 'PUT', 'PATCH', 'APPLY']),
  };
}

function countOf(metrics: Metrics, resource: string, verbs: readonly string[]): number {
  const counted = [...samplesOf(metrics, 'apiserver_request_total')].filter(
    ([labels]) => labels.includes(`resource="${resource}"`) && verbs.some((verb) => labels.includes(`verb="${verb}"`)),
  );
  return counted.reduce((sum, [, count]) => sum + count, 0);
}
