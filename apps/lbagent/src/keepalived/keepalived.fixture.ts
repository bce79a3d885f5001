import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { address } from '@fairlead/model';
import { openLinks } from '../links/kernel.ts';
import { programPath } from '../processes/namespace.fixture.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { prepareKeepalived, writeBatches, writeKeepalivedConfig, writeTrackFile } from './files.ts';
import { ANCHOR, machineConfig, machinePaths, setUp, supervisorsOf } from './machine.fixture.ts';
import { instanceFiles, keepalivedFiles } from './paths.ts';
import { renderKeepalived } from './render.ts';
import type { ScriptMode } from './render.ts';
import { ownedInstances, readState, watchVrrp } from './state.ts';
import type { VrrpEvent } from './types.ts';

const paths = machinePaths('lb-1');
const files = keepalivedFiles(paths);
const keepalived = programPath('keepalived');
const machine = { name: 'lb-1', advertIntervalMs: 100, vips: ['10.9.1.1', '10.9.1.2'] };

async function makeLink(): Promise<void> {
  await runOrThrow(['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far']);
  await runOrThrow(['ip', 'addr', 'add', '10.9.0.11/24', 'dev', 'eth0']);
  await runOrThrow(['ip', 'link', 'set', 'eth0', 'up']);
  await runOrThrow(['ip', 'link', 'set', 'far', 'up']);
}

async function prepare(): Promise<void> {
  await makeLink();
  const programs = { ip: programPath('ip'), flock: programPath('flock') };
  await prepareKeepalived({ paths, programs, healthPort: 5001 });
  await prepareKeepalived({ paths, programs, healthPort: 5001 });
}

async function vipsOnLink(): Promise<number> {
  const listed = await runOrThrow(['ip', '-o', 'addr', 'show', 'dev', 'eth0', 'to', '10.9.1.0/24']);
  return listed
    .trim()
    .split('\n')
    .filter((line) => line !== '').length;
}

/** Whether the real keepalived accepts a golden file, with its paths moved to where this test may write. */
export async function judged(golden: string): Promise<unknown> {
  await prepare();
  const content = golden
    .replaceAll('/var/lib/lbagent/vrrp', paths.directory)
    .replaceAll('/run/lbagent', paths.runDirectory);
  const first = await writeKeepalivedConfig({ paths, keepalived, content });
  const second = await writeKeepalivedConfig({ paths, keepalived, content });
  const third = await writeKeepalivedConfig({ paths, keepalived, content: content.replace('nopreempt', 'nopreemptt') });
  const kept = readFileSync(paths.config, 'utf8') === content;
  const failed = readFileSync(`${paths.config}.failed`, 'utf8').includes('nopreemptt');
  writeFileSync(`${paths.config}.reload-due`, 'of an lbagent that was killed before it reloaded');
  const fourth = await writeKeepalivedConfig({ paths, keepalived, content });
  const fifth = await writeKeepalivedConfig({ paths, keepalived, content });
  const sixth = await writeKeepalivedConfig({ paths, keepalived, content });
  return { first, second, third, kept, failed, afterKill: [fourth, fifth, sixth].map(({ kind }) => kind) };
}

/** A machine alone: the states it goes through, what lbagent hears of them, and what is on the link. */
export async function lifeOfAnOwner(scripts: ScriptMode): Promise<unknown> {
  await prepare();
  const config = machineConfig(machine);
  const links = openLinks({ ip: programPath('ip') });
  const mac = (await links.observe()).links.find(({ device }) => device === 'eth0')!.mac!;
  const vips = machine.vips.map(address);
  await writeBatches(paths, [{ instance: 'edge-1', device: 'eth0', mac, anchor: address(ANCHOR), vips }]);
  await writeKeepalivedConfig({
    paths,
    keepalived,
    content: renderKeepalived({ config, paths, scripts, user: 'root' }),
  });
  writeFileSync(files.checkScript, '#!/bin/sh\nexit 0\n');
  writeTrackFile(paths, true);
  const supervisor = supervisorsOf('lb-1').keepalived;
  await supervisor.start();
  const heard: string[] = [];
  const seen: unknown[] = [];
  const look = async (what: string): Promise<void> => {
    await sleep(1000);
    const owned = ownedInstances(config, await links.observe());
    seen.push([what, owned, await vipsOnLink(), await readState(paths, 'edge-1')]);
  };
  await look('started');
  // Events until now wait in the fifo: lbagent was not there yet.
  const listener = ({ state }: VrrpEvent): void => void heard.push(state);
  const stop = watchVrrp(paths, listener);
  writeTrackFile(paths, false);
  await look('unfit');
  writeTrackFile(paths, true);
  await look('fit');
  await supervisor.reload();
  await look('reloaded');
  await supervisor.stop();
  await look('stopped');
  stop();
  await links.close();
  return { heard, seen };
}

/** What the net says of HAProxy in each condition, by its exit code. */
export async function checks(): Promise<unknown> {
  await makeLink();
  const check = async (): Promise<number> => (await run([files.checkScript])).code;
  await setUp(machine);
  const { haproxy, keepalived: vrrp } = supervisorsOf('lb-1');
  await haproxy.start();
  await vrrp.start();
  await sleep(500);
  const running = await check();
  const master = Number(readFileSync('/run/lb-1/run/haproxy.pid', 'utf8'));
  process.kill(-master, 'SIGSTOP');
  const started = performance.now();
  const stopped = await check();
  const silentMs = performance.now() - started;
  process.kill(-master, 'SIGCONT');
  const again = await check();
  await haproxy.stop();
  const dead = await check();
  await vrrp.stop();
  return { running, stopped, silentMs, again, dead };
}

/** Changes of state faster than scripts: each order of two notify scripts that overlap ends with what the anchor says. */
export async function overtaken(): Promise<unknown> {
  await prepare();
  const vips = machine.vips.map(address);
  await writeBatches(paths, [{ instance: 'edge-1', device: 'eth0', anchor: address(ANCHOR), vips }]);
  const notify = (state: string): Promise<unknown> =>
    run([files.notifyScript, 'eth0', ANCHOR, 'INSTANCE', 'edge-1', state]);
  const wrong: string[] = [];
  const started = performance.now();
  for (let round = 0; round < 20; round++) {
    const owns = round % 2 === 0;
    await run(['ip', 'addr', owns ? 'add' : 'del', `${ANCHOR}/32`, 'dev', 'eth0']);
    await Promise.all(['MASTER', 'BACKUP', 'MASTER', 'FAULT'].map(notify));
    const there = await vipsOnLink();
    const state = readFileSync(instanceFiles(paths, 'edge-1').state, 'utf8').trim();
    if (there !== (owns ? 2 : 0) || (state === 'MASTER') !== owns) wrong.push(`round ${round}: ${there} ${state}`);
  }
  return { wrong, ms: performance.now() - started };
}
