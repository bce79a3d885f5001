import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { DELIVERED } from './prometheus.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(readFileSync(`${DELIVERED}/alerts.yaml`, 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const guide = readFileSync(resolve(import.meta.dirname, '../../docs/monitoring.md'), 'utf8');

it.each(rules)('$alert says what is wrong and what to do, and is explained', ({ alert, expr, labels, annotations }) => {
  expect(Object.keys(annotations)).toEqual(['summary', 'action']);
  expect(['warning', 'critical']).toContain(labels['severity']);
  expect(guide).toContain(alert);
  const metrics = expr.match(/\bfairlead_[a-z_]+/g) ?? [];
  expect(metrics.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});
