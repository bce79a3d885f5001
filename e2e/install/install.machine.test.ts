import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { buildImages } from '../../packaging/images/build.ts';
import { openPodNetwork } from '../charts/pod-network.ts';
import { unpackImages } from '../charts/unpack.ts';
import { ensureImage } from '../lab/booted/image.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { copyTo, DOWNLOADS } from '../packages/machine.ts';
import { Cluster } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { openDesk } from './desk.ts';
import { type Step, stepsOf } from './guide.ts';

const GUIDE = resolve(import.meta.dirname, '../../docs/install.md');
const MACHINES = { cloudagent: '10.9.0.11', 'lb-1': '10.9.1.1', 'lb-2': '10.9.1.2' } as const;

let lab: Lab;
let directory: string;
let atDesk: (lines: string, stdin?: string) => Promise<string>;
const said = new Map<string, string>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-install-'));
  const debs = await buildPackages({ formats: ['deb'], out: directory });
  const images = await unpackImages(await buildImages());
  const boots = await ensureImage({ release: 'bookworm' });
  lab = await startLab({
    name: `install-${process.pid}`,
    nodes: 2,
    fairlead: false,
    controlPlane: false,
    machinesBoot: boots,
    kubernetes: kubernetes({ controllers: 0, images }),
  });
  await lab.removeHost('cloudagent');
  await lab.addHost({ name: 'cloudagent', address: `${MACHINES.cloudagent}/16`, boots });
  for (const machine of Object.keys(MACHINES)) for (const deb of debs) await copyTo(lab, machine, deb);
  await openPodNetwork(lab, new Cluster(lab));
  atDesk = await openDesk(lab);
});
afterAll(async () => {
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

/** As an administrator's shell on a machine would run it. Their shells are root's, without sudo. */
function onMachine(machine: string, lines: string): Promise<string> {
  const own = `export DEBIAN_FRONTEND=noninteractive; cd ${DOWNLOADS}\n`;
  return lab.must(machine, ['sh', '-euc', own + lines.replaceAll('sudo ', '')], { timeout: 180_000 });
}

async function follow(step: Step, place: string): Promise<void> {
  const { text, file, given } = step;
  if (file !== undefined) return lab.writeFile('client', `/home/${file}`, `${text}\n`);
  const stdin = given === undefined ? '' : said.get(given)!;
  const act = (): Promise<string> => (place === 'desk' ? atDesk(text, stdin) : onMachine(place, text));
  const output = await (step.until ? eventually(async () => matching(await act(), step.until!), 60) : act());
  if (step.as !== undefined) said.set(step.as, output);
  if (step.then !== undefined) await onMachine(step.then, output);
}

function matching(output: string, expected: RegExp): string {
  if (!expected.test(output)) throw new Error(`this is not like ${String(expected)}: ${output}`);
  return output;
}

const steps = stepsOf(readFileSync(GUIDE, 'utf8')).filter(({ on }) => !on.includes('checkout'));
const cases = steps.flatMap((step) => step.on.map((place) => ({ ...step, place, first: step.text.split('\n')[0]! })));

describe('somebody who follows docs/install.md', () => {
  it.each(cases)('$heading, line $line: on $place, `$first`', async ({ place, ...step }) => {
    await expect(follow(step, place)).resolves.toBeUndefined();
  });
});
