import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { CLUSTER, type FakeSite, MACHINES, POOL, REGISTRY, SHOWN, startFakeSite } from './fake-site.ts';

/** One site for all tests of a file, given to `use` once it runs; before each test it is as it was at first. */
export function withFakeSite(use: (site: FakeSite) => void): void {
  let site: FakeSite;
  beforeAll(async () => {
    site = await startFakeSite();
    use(site);
  });
  beforeEach(() => {
    site.asked.length = 0;
    Object.assign(site, { violations: [], show: SHOWN, resources: [POOL, ...MACHINES, CLUSTER, REGISTRY] });
  });
  afterAll(async () => await site.stop());
}

/** A file in the site's own directory; returns its path. */
export async function writeSiteFile({ directory }: FakeSite, name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}
