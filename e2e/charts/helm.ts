import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { must, run } from '../lab/command.ts';
import { ensureHelm, type HelmMajor } from './helm-binary.ts';

export const CHARTS = {
  controller: resolve(import.meta.dirname, '../../charts/fairlead-controller'),
  cloudagent: resolve(import.meta.dirname, '../../charts/fairlead-cloudagent'),
} as const;

export type Values = Readonly<Record<string, unknown>>;

/** A real helm with settings of its own: nothing of this machine's user counts, nothing is left behind after `close`. */
export class Helm {
  readonly major: HelmMajor;
  readonly #binary: string;
  readonly #home: string;
  readonly #kubeconfig: string;

  private constructor(major: HelmMajor, binary: string, kubeconfig: string) {
    this.major = major;
    this.#binary = binary;
    this.#home = mkdtempSync(join(tmpdir(), 'fairlead-helm-'));
    this.#kubeconfig = kubeconfig;
  }

  /** Without a kubeconfig it reaches no cluster. */
  static async open(major: HelmMajor, kubeconfig = '/nonexistent'): Promise<Helm> {
    return new Helm(major, await ensureHelm(major), kubeconfig);
  }

  /** Standard output; throws with what was said unless the code is 0. */
  must(argv: readonly string[], values: Values = {}): Promise<string> {
    return must(this.#command(argv, values), { env: this.#environment(), timeout: 180_000 });
  }

  /** What was said, for a command that must fail. */
  async refusal(argv: readonly string[], values: Values = {}): Promise<string> {
    const { code, stdout, stderr } = await run(this.#command(argv, values), { env: this.#environment() });
    if (code === 0) throw new Error(`helm ${argv.join(' ')} was not refused: ${stdout}`);
    return stderr;
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }

  #command(argv: readonly string[], values: Values): string[] {
    if (Object.keys(values).length === 0) return [this.#binary, ...argv];
    const file = join(this.#home, 'values.json');
    writeFileSync(file, JSON.stringify(values));
    return [this.#binary, ...argv, '--values', file];
  }

  #environment(): NodeJS.ProcessEnv {
    const home = (name: string): string => join(this.#home, name);
    return {
      PATH: process.env['PATH'],
      HOME: this.#home,
      KUBECONFIG: this.#kubeconfig,
      HELM_CONFIG_HOME: home('config'),
      HELM_CACHE_HOME: home('cache'),
      HELM_DATA_HOME: home('data'),
    };
  }
}
