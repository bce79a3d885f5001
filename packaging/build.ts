import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleApp, sourceVersion } from '../tools/build.ts';
import { lbagentPackage } from './contents/lbagent.ts';
import { buildDeb } from './deb.ts';
import { type Architecture, type Format, FORMATS } from './package.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** By the name of their program. */
const PACKAGES = { lbagent: lbagentPackage } as const;

export type PackageName = keyof typeof PACKAGES;

export interface BuildOptions {
  /** Default: what the sources say. */
  readonly version?: string;
  readonly formats?: readonly Format[];
  readonly only?: readonly PackageName[];
  /** Default: dist/packages. */
  readonly out?: string;
  /** Default: this machine's. */
  readonly architecture?: Architecture;
}

/** Builds packages into `out` and returns their paths. The same sources give the same bytes. */
export async function buildPackages(options: BuildOptions = {}): Promise<string[]> {
  const version = options.version ?? sourceVersion();
  const architecture = options.architecture ?? (process.arch as Architecture);
  const out = resolve(options.out ?? join(ROOT, 'dist/packages'));
  const node = join(ROOT, `node_modules/node-linux-${architecture}/bin/node`);
  if (!existsSync(node)) throw new Error(`there is no Node for linux-${architecture} in node_modules: run npm ci`);
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'fairlead-packages-'));
  const built: string[] = [];
  try {
    for (const name of options.only ?? (Object.keys(PACKAGES) as PackageName[])) {
      const source = { version, architecture, node, bundle: await bundleApp(name, version) };
      for (const format of options.formats ?? FORMATS) {
        const places = { out, work: join(work, `${name}-${format}`) };
        if (format === 'deb') built.push(await buildDeb(PACKAGES[name](source), epoch(), places));
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return built;
}

/** SOURCE_DATE_EPOCH, or the first second of 2026. */
function epoch(): number {
  return Number(process.env['SOURCE_DATE_EPOCH'] ?? 1_767_225_600);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      version: { type: 'string' },
      format: { type: 'string' },
      only: { type: 'string' },
      out: { type: 'string' },
      architecture: { type: 'string' },
    },
  });
  for (const path of await buildPackages({
    ...(values.version === undefined ? {} : { version: values.version }),
    ...(values.format === undefined ? {} : { formats: values.format.split(',') as Format[] }),
    ...(values.only === undefined ? {} : { only: values.only.split(',') as PackageName[] }),
    ...(values.out === undefined ? {} : { out: values.out }),
    ...(values.architecture === undefined ? {} : { architecture: values.architecture as Architecture }),
  })) {
    console.log(path);
  }
}
