import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleWithOrigin, sourceVersion } from '../tools/build.ts';
import { cloudagentPackage } from './contents/cloudagent.ts';
import { fairleadPackage } from './contents/fairlead.ts';
import { lbagentPackage } from './contents/lbagent.ts';
import { buildDeb } from './deb.ts';
import { type Architecture, type Format, FORMATS } from './package.ts';
import { buildRpm } from './rpm.ts';
import { buildTarball } from './tarball.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** By the name of their program. */
const PACKAGES = { lbagent: lbagentPackage, cloudagent: cloudagentPackage, fairlead: fairleadPackage } as const;
const NAMES = ['lbagent', 'cloudagent', 'fairlead'] as const;
const BUILDERS = { deb: buildDeb, rpm: buildRpm, tar: buildTarball } as const;
/** The first second of 2026. */
const DEFAULT_SECONDS = 1_767_225_600;
const ARCHITECTURES = ['x64', 'arm64'] as const;

export type PackageName = (typeof NAMES)[number];

export interface BuildOptions {
  /** Default: what the sources say. */
  readonly version?: string;
  readonly formats?: readonly Format[];
  readonly only?: readonly PackageName[];
  /** Default: dist/packages. */
  readonly out?: string;
  /** Default: this machine's. */
  readonly architecture?: Architecture;
  /** For the programs that do it. Default: this process'. SOURCE_DATE_EPOCH counts. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Builds packages into `out` and returns their paths, format by format, in the order of `only`. The same sources give the
 * same bytes. Needs dpkg-deb, rpmbuild or tar on the PATH, by format.
 */
export async function buildPackages(options: BuildOptions = {}): Promise<string[]> {
  const { environment = process.env } = options;
  const version = options.version ?? sourceVersion();
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/.test(version)) {
    throw new Error(`${JSON.stringify(version)} is not a version: write for example 1.2.3 or 1.2.3-rc.1`);
  }
  const architecture = options.architecture ?? ARCHITECTURES.find((each) => each === process.arch);
  if (architecture === undefined) throw new Error(`there is no Node for ${process.arch} here: use --architecture x64`);
  const node = join(ROOT, `node_modules/node-linux-${architecture}/bin/node`);
  if (!existsSync(node))
    throw new Error(`there is no Node for linux-${architecture} in node_modules: see packaging/README.md`);
  const out = resolve(options.out ?? join(ROOT, 'dist/packages'));
  mkdirSync(out, { recursive: true });
  const seconds = Number(environment['SOURCE_DATE_EPOCH'] ?? DEFAULT_SECONDS);
  const work = mkdtempSync(join(tmpdir(), 'fairlead-packages-'));
  try {
    const descriptions = await Promise.all(
      (options.only ?? NAMES).map(async (name) => {
        const bundle = await bundleWithOrigin(name, version);
        return await PACKAGES[name]({ version, architecture, node, bundle, environment });
      }),
    );
    const built: string[] = [];
    for (const format of options.formats ?? FORMATS) {
      const made = descriptions.map(async (description) => {
        const own = join(work, `${description.name}-${format}`);
        mkdirSync(own);
        const path = await BUILDERS[format](description, { out, work: own, seconds, environment });
        rmSync(own, { recursive: true });
        return path;
      });
      built.push(...(await Promise.all(made)));
    }
    return built;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { version: text, format: text, only: text, out: text, architecture: text } });
  const { version, out } = values;
  const formats = chosen('--format', values.format, FORMATS);
  const only = chosen('--only', values.only, NAMES);
  const architecture = chosen('--architecture', values.architecture, ARCHITECTURES)?.[0];
  const built = await buildPackages({
    ...(version === undefined ? {} : { version }),
    ...(out === undefined ? {} : { out }),
    ...(formats === undefined ? {} : { formats }),
    ...(only === undefined ? {} : { only }),
    ...(architecture === undefined ? {} : { architecture }),
  });
  for (const path of built) console.log(path);
}

/** The words of a list with commas between. Throws on a word that is none of `known`. */
function chosen<Word extends string>(
  flag: string,
  value: string | undefined,
  known: readonly Word[],
): readonly Word[] | undefined {
  return value?.split(',').map((word) => {
    const found = known.find((each) => each === word);
    if (found === undefined) throw new Error(`${flag} ${JSON.stringify(word)}: use ${known.join(', ')}`);
    return found;
  });
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
