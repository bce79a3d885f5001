import { address } from '@fairlead/model';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createTakeover, type Takeover } from './takeover.ts';
import { CONFIG } from '../testing/example.ts';
import type { Wanted } from '../wanted/wanted.ts';

const [INSTANCE] = CONFIG.vrrpInstances;
const DEVICE = CONFIG.networks.find(({ network }) => network === INSTANCE!.network)!.device;
const LINKS = [{ device: DEVICE, up: true, mac: '02:00:00:00:00:01' }];

let directory: string;
let takeover: Takeover;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'takeover-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  takeover = createTakeover({ config: join(directory, 'keepalived.conf'), directory, runDirectory: directory });
});

function vips(...last: number[]): Wanted['vips'] {
  const all = last.map((each) => ({
    address: address(`10.0.0.${each}`),
    vrrpInstance: INSTANCE!.name,
    device: DEVICE,
  }));
  return new Map(all.map((vip) => [vip.address, { ...vip, announce: true }]));
}

/** What running a batch leads to: addresses on the link, and whether the last of them was announced. */
function effectOf(file: 'become-owner' | 'leave-owner', before: readonly string[] = []) {
  const there = new Set(before);
  let announced = true;
  for (const line of readFileSync(join(directory, `${INSTANCE!.name}.${file}`), 'utf8').split('\n')) {
    const [, verb, vip] = /^addr (replace|del) ([\d.]+)\/32 /.exec(line) ?? [];
    if (verb === 'replace') there.add(vip!);
    if (verb === 'del') there.delete(vip!);
    announced = verb === 'replace' ? false : announced || line.startsWith('link set');
  }
  return { there: [...there].sort(), announced };
}

const lines = () => readFileSync(join(directory, `${INSTANCE!.name}.become-owner`), 'utf8').split('\n').length;

it('a VIP more is a line more, and all of them are put on and announced, and taken off', async () => {
  await takeover.prepare(CONFIG, vips(1, 2), LINKS);
  const { ino } = statSync(join(directory, `${INSTANCE!.name}.become-owner`));
  await takeover.prepare(CONFIG, vips(1, 2, 3), LINKS);
  await takeover.prepare(CONFIG, vips(1, 2, 3, 4), LINKS);
  const all = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
  expect(effectOf('become-owner')).toEqual({ there: all, announced: true });
  expect(effectOf('leave-owner', all).there).toEqual([]);
  expect(statSync(join(directory, `${INSTANCE!.name}.become-owner`)).ino).toBe(ino);
});

it('a VIP that is no longer here is never put on again, whatever came before', async () => {
  await takeover.prepare(CONFIG, vips(1, 2), LINKS);
  await takeover.prepare(CONFIG, vips(1, 2, 3), LINKS);
  await takeover.prepare(CONFIG, vips(2, 3, 4), LINKS);
  expect(effectOf('become-owner')).toEqual({ there: ['10.0.0.2', '10.0.0.3', '10.0.0.4'], announced: true });
  expect(readFileSync(join(directory, `${INSTANCE!.name}.become-owner`), 'utf8')).not.toContain('10.0.0.1/');
});

it('what was added line by line is written as one when the links have been looked at', async () => {
  await takeover.prepare(CONFIG, vips(1), LINKS);
  await takeover.prepare(CONFIG, vips(1, 2), LINKS);
  await takeover.prepare(CONFIG, vips(1, 2, 3), LINKS);
  const grown = lines();
  await takeover.prepare(CONFIG, vips(1, 2, 3), [...LINKS]);
  expect(lines()).toBeLessThan(grown);
  expect(effectOf('become-owner')).toEqual({ there: ['10.0.0.1', '10.0.0.2', '10.0.0.3'], announced: true });
});
