import { expect, it } from 'vitest';
import { parseMetrics } from '../../e2e/faults/metrics.ts';
import { countWrites } from './api-writes.ts';

const sample = (verb: string, resource: string, subresource: string, count: number) =>
  `apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="${resource}",scope="resource",subresource="${subresource}",verb="${verb}",version="v1"} ${count}`;

it('counts what was asked of Services and their status, refused or not, but neither creations nor reads', () => {
  const text = [
    '# TYPE apiserver_request_total counter',
    sample('PATCH', 'services', 'status', 1000),
    sample('PUT', 'services', 'status', 2),
    sample('PATCH', 'services', '', 3).replace('200', '409'),
    sample('POST', 'services', '', 1000),
    sample('DELETE', 'services', '', 7),
    sample('WATCH', 'services', '', 5),
    sample('PATCH', 'pods', 'status', 50),
    sample('POST', 'events', '', 20),
    'apiserver_request_total_other{resource="services",verb="PATCH"} 99',
  ];
  expect(countWrites(parseMetrics(text.join('\n')))).toEqual({ services: 1005, events: 20 });
});
