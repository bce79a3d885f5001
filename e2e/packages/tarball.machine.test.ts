import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { ensureImage } from '../lab/booted/image.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { eventually } from '../tests/eventually.ts';
import { copyTo, DOWNLOADS, inactive, reboot } from './machine.ts';
import { difference, type Traces, traces } from './traces.ts';

const MACHINE = 'lb-1';
const VERSION = '1.0.0';

let lab: Lab;
let directory: string;
let tarball: string;
let before: Traces;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-tar-'));
  const built = await buildPackages({ version: VERSION, formats: ['tar'], only: ['lbagent'], out: directory });
  tarball = built[0]!;
  const machinesBoot = await ensureImage({ release: 'bookworm' });
  lab = await startLab({ name: `tarball-${process.pid}`, machines: 1, machinesBoot });
  before = await traces(lab, MACHINE);
});
afterAll(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

/** As long as it takes until a client gets an answer from the load balancer that the site has. */
function served(): Promise<string> {
  return eventually(async () => {
    const text = await lab.fairlead(['get', 'loadbalancer', 'web', '-o', 'json']);
    const { status } = JSON.parse(text) as { status?: { addresses?: string[] } };
    return lab.must('client', ['curl', '-sf', '-m', '1', `http://${status?.addresses?.[0]}/`]);
  }, 30);
}

it('the archive installs, joins by the same command, serves, and serves after a reboot', async () => {
  const there = await copyTo(lab, MACHINE, tarball);
  await lab.must(MACHINE, ['tar', '--extract', `--file=${there}`, `--directory=${DOWNLOADS}`]);
  await lab.must(MACHINE, [`${DOWNLOADS}/${basename(tarball, '.tar.gz')}/install.sh`]);
  const command = await lab.fairlead(['machines', 'add', MACHINE, '--set', 'default']);
  await lab.must(MACHINE, ['sh'], { stdin: command });
  await served();
  await reboot(lab, MACHINE);
  await served();
  expect(await inactive(lab, MACHINE, ['lbagent', 'haproxy', 'keepalived'])).toEqual([]);
});

it('and is taken away without a trace', async () => {
  await lab.must(MACHINE, ['/usr/lib/fairlead/lbagent/uninstall', '--purge'], { timeout: 60_000 });
  expect(difference(before, await traces(lab, MACHINE))).toEqual([]);
});
