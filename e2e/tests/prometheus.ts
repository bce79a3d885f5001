import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Lab } from '../lab/lab.ts';
import { ensureParts } from '../lab/parts.ts';
import { MONITORING } from '../lab/parts/needed.ts';

/** What is delivered: the scrape configuration, the alerts, and what is promised of them. */
export const DELIVERED = resolve(import.meta.dirname, '../../packaging/prometheus');

const HOST = 'client';
const URL = 'http://127.0.0.1:9090';

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

interface ScrapeConfig {
  readonly job_name: string;
  static_configs: { targets: string[] }[];
}

interface RuleFile {
  readonly groups: readonly { readonly rules: { for?: string }[] }[];
}

/** A real Prometheus in the lab with the delivered files, in which only addresses and times are the lab's. */
export class Prometheus {
  readonly #lab: Lab;
  private constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** `targets` by job name: HOST:PORT each. Alerts fire as soon as their condition holds. */
  static async start(lab: Lab, targets: Readonly<Record<string, readonly string[]>>): Promise<Prometheus> {
    const { bin } = await ensureParts({ needed: MONITORING });
    const config = parse(readFileSync(`${DELIVERED}/prometheus.yaml`, 'utf8')) as { scrape_configs: ScrapeConfig[] };
    for (const job of config.scrape_configs) {
      const own = targets[job.job_name];
      if (own === undefined) throw new Error(`the lab has no target for job ${job.job_name}`);
      job.static_configs = [{ targets: [...own] }];
    }
    const rules = parse(readFileSync(`${DELIVERED}/alerts.yaml`, 'utf8')) as RuleFile;
    for (const rule of rules.groups.flatMap((group) => group.rules)) delete rule.for;
    const often = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    await lab.writeFile(HOST, '/etc/prometheus/prometheus.yaml', stringify({ ...config, global: often }));
    await lab.writeFile(HOST, '/etc/prometheus/alerts.yaml', stringify(rules));
    await lab.run({
      host: HOST,
      name: 'prometheus',
      argv: [
        `${bin}/prometheus`,
        `--config.file=/run/lab/${HOST}/etc/prometheus/prometheus.yaml`,
        `--storage.tsdb.path=/run/lab/${HOST}/var/lib/prometheus`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      ready: { kind: 'command', argv: ['curl', '-sf', `${URL}/-/ready`] },
    });
    return new Prometheus(lab);
  }

  /** Health of each target as `job instance health`, in order. */
  async targets(): Promise<string[]> {
    const { activeTargets } = await this.#ask<{
      activeTargets: { labels: Record<string, string>; health: string; lastError: string }[];
    }>('targets');
    return activeTargets
      .map(({ labels, health, lastError }) => `${labels['job']} ${labels['instance']} ${health}${lastError}`)
      .sort();
  }

  /** Names of the rules that were not evaluated yet, or not without an error. */
  async unwellRules(): Promise<string[]> {
    type Rule = { readonly name: string; readonly health: string };
    const { groups } = await this.#ask<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules.filter(({ health }) => health !== 'ok').map(({ name }) => name));
  }

  async alerts(): Promise<Alert[]> {
    return (await this.#ask<{ alerts: Alert[] }>('alerts')).alerts;
  }

  /** The series that a query finds now. */
  async query(query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
    const { result } = await this.#ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(query)}`,
    );
    return result;
  }

  async #ask<Data>(path: string): Promise<Data> {
    const text = await this.#lab.must(HOST, ['curl', '-sf', `${URL}/api/v1/${path}`]);
    return (JSON.parse(text) as { data: Data }).data;
  }
}
