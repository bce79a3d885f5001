import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { ensureImage } from '../lab/booted/image.ts';
import { openMachines, type Machines } from '../lab/machines.ts';
import { ensureParts } from '../lab/parts.ts';
import { eventually } from '../tests/eventually.ts';
import { inactive, install, reboot, remove } from './machine.ts';
import { difference, type Traces, traces } from './traces.ts';

const MACHINE = 'site';
const ADDRESS = '10.9.0.12';
const SOCKET = '/run/fairlead/admin.sock';
const OLDER = '1.0.0';
const NEWER = '1.0.1';

const SITE = `apiVersion: fairlead.dev/v1
kind: Network
metadata: { name: lan }
spec: { subnets: [10.9.0.0/16] }
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: { name: services }
spec: { network: lan, ranges: [10.9.100.1-10.9.100.20] }
`;

let lab: Machines;
let directory: string;
let before: Traces;
let older: readonly string[];
let newer: readonly string[];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-debs-'));
  older = await build(OLDER);
  newer = await build(NEWER);
  const boots = await ensureImage({ release: 'bookworm' });
  const { bin } = await ensureParts();
  lab = await openMachines({ name: `site-${process.pid}`, bound: true, wireAddress: '10.9.0.1/16', path: bin });
  await lab.addHost({ name: MACHINE, address: `${ADDRESS}/16`, boots });
  before = await traces(lab, MACHINE);
});
afterAll(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

/** cloudagent's package and fairlead's. */
function build(version: string): Promise<string[]> {
  return buildPackages({ version, formats: ['deb'], only: ['cloudagent', 'fairlead'], out: directory });
}

async function installAll(debs: readonly string[]): Promise<void> {
  for (const deb of debs) await install(lab, MACHINE, deb);
}

const on = (...argv: string[]): Promise<string> => lab.must(MACHINE, argv);
const as = (user: string, ...argv: string[]) => lab.exec(MACHINE, ['runuser', '-u', user, '--', ...argv]);
const pools = (): Promise<string> => on('fairlead', '--socket', SOCKET, 'get', 'vippools', '-o', 'yaml');

it('cloudagent says what it still wants when it is installed, and starts when it has that', async () => {
  await installAll(older);
  expect(await inactive(lab, MACHINE, ['cloudagent.service'])).toEqual(['cloudagent.service is inactive']);
  const reached = `--control-address ${ADDRESS}:7420 --join-address ${ADDRESS}:7421`;
  await lab.writeFile(MACHINE, '/etc/fairlead/cloudagent.env', `CLOUDAGENT_OPTIONS="--site-name lab ${reached}"\n`);
  await lab.writeFile(MACHINE, '/etc/fairlead/site.yaml', SITE);
  await on('systemctl', 'start', 'cloudagent');
  await eventually(async () => expect(await pools()).toContain('10.9.100.1-10.9.100.20'));
  await eventually(() => lab.must('wire', ['curl', '-sf', `http://${ADDRESS}:7422/readyz`]));
});

it('members of the group fairlead are admin at its socket, and nobody else', async () => {
  await on('useradd', '--groups', 'fairlead', 'anna');
  await on('useradd', 'bert');
  expect(await as('anna', 'fairlead', '--socket', SOCKET, 'show')).toMatchObject({ code: 0 });
  const refused = await as('bert', 'fairlead', '--socket', SOCKET, 'show');
  expect(refused.code).toBe(3);
  expect(refused.stderr).toMatch(/^error: .+\n$/);
  await on('userdel', 'anna');
  await on('userdel', 'bert');
});

it('is the same after a reboot and after an upgrade: it runs, and knows what it knew', async () => {
  await on('fairlead', '--socket', SOCKET, 'tokens', 'create', 'operator', 'carla');
  const known = await pools();
  await reboot(lab, MACHINE);
  await eventually(async () => expect(await pools()).toBe(known));
  await installAll(newer);
  await eventually(async () => expect(await pools()).toBe(known));
  expect(await on('fairlead', '--socket', SOCKET, 'version')).toContain(`Server Version: ${NEWER}`);
  expect(await on('systemctl', '--failed', '--no-legend')).toBe('');
});

it('is removed with its memory kept, installed again, and purged without a trace', async () => {
  const known = await pools();
  await remove(lab, MACHINE, 'remove', 'fairlead-cloudagent');
  await installAll(older);
  await on('systemctl', 'start', 'cloudagent');
  await eventually(async () => expect(await pools()).toBe(known));
  for (const name of ['fairlead-cloudagent', 'fairlead']) await remove(lab, MACHINE, 'purge', name);
  expect(difference(before, await traces(lab, MACHINE))).toEqual([]);
});
