import { appendFileSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { renderAnnounce, renderBecomeOwner, renderLeaveOwner } from '../links/batches.ts';
import { identifyProcess } from '../processes/proc.ts';
import { run } from '../processes/run.ts';
import { readIfThere, replaceFile } from '../state/whole-file.ts';
import { instanceFiles, keepalivedFiles } from './paths.ts';
import { renderCheckScript, renderNotifyScript } from './scripts.ts';
import type { ScriptPrograms } from './scripts.ts';
import type { InstanceAddresses, KeepalivedPaths } from './types.ts';

/**
 * Writes what the notify script runs: call it before the addresses of the links are looked at. Then whoever becomes owner
 * in between finds either the new batch or lbagent right behind.
 */
export async function writeBatches(paths: KeepalivedPaths, instances: readonly InstanceAddresses[]): Promise<void> {
  for (const instance of instances) {
    const files = instanceFiles(paths, instance.instance);
    await Promise.all([
      replaceFile(files.becomeOwner, renderBecomeOwner(instance), 0o640),
      replaceFile(files.leaveOwner, renderLeaveOwner(instance), 0o640),
      replaceFile(files.announce, renderAnnounce(instance), 0o640),
    ]);
  }
}

/**
 * Adds VIPs to what `writeBatches` has written, a line each, when this returns. It is there for whoever reads it, also when
 * lbagent dies now; a power cut may take these lines, not the others.
 */
export function extendBatches(paths: KeepalivedPaths, added: readonly InstanceAddresses[]): void {
  for (const instance of added.filter(({ vips }) => vips.length > 0)) {
    const files = instanceFiles(paths, instance.instance);
    appendFileSync(files.becomeOwner, renderBecomeOwner(instance), { mode: 0o640 });
    appendFileSync(files.leaveOwner, renderLeaveOwner(instance), { mode: 0o640 });
  }
}

export interface PrepareInput {
  readonly paths: KeepalivedPaths;
  readonly programs: ScriptPrograms;
  /** Port of HAProxy's health frontend on 127.0.0.1. */
  readonly healthPort: number;
}

/** Makes directories, scripts, fifo and track file; before keepalived is started. May be repeated. */
export async function prepareKeepalived({ paths, programs, healthPort }: PrepareInput): Promise<void> {
  const files = keepalivedFiles(paths);
  await mkdir(paths.directory, { recursive: true, mode: 0o755 });
  await mkdir(paths.runDirectory, { recursive: true, mode: 0o755 });
  await mkdir(dirname(paths.config), { recursive: true });
  await replaceFile(files.notifyScript, renderNotifyScript(paths, programs), 0o755);
  await replaceFile(files.checkScript, renderCheckScript(healthPort), 0o755);
  const made = await run(['mkfifo', '-m', '600', files.fifo]);
  if (made.code !== 0 && !made.stderr.includes('File exists')) {
    throw new Error(`${files.fifo} cannot be made: ${made.stderr.trim()}`);
  }
}

/**
 * Tells keepalived whether this machine is fit to own addresses. Unfit hands them over within tens of milliseconds. What
 * is there is overwritten in its place, which needs no room on the disk. It is told when this returns: clients wait.
 */
export function writeTrackFile(paths: KeepalivedPaths, fit: boolean): void {
  overwrite(keepalivedFiles(paths).track, fit ? '0\n' : '1\n');
}

/** Tells keepalived whether another machine is to be preferred where two claim the addresses; in the same way. */
export function writeLossyFile(paths: KeepalivedPaths, lossy: boolean): void {
  overwrite(keepalivedFiles(paths).lossy, lossy ? '1\n' : '0\n');
}

function overwrite(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    writeSync(file, text, 0);
  } finally {
    closeSync(file);
  }
}

export interface ConfigChange {
  readonly paths: KeepalivedPaths;
  /** Path of keepalived. */
  readonly keepalived: string;
  /** From `renderKeepalived`. */
  readonly content: string;
}

export type ConfigOutcome =
  { readonly kind: 'unchanged' | 'changed' } | { readonly kind: 'refused'; readonly message: string };

/** keepalived's exit code for "all is well, but script security is off", which is then what was asked for. */
const SCRIPTS_UNSECURED = 6;

/**
 * Writes keepalived.conf after keepalived itself found it good; what it refused stays beside it as `.failed`. The caller reloads
 * when it was `changed`: a reload without a change would stall VRRP for nothing. An lbagent that was killed between the
 * two leaves a mark, so that the next one is told `changed` as well.
 */
export async function writeKeepalivedConfig({ paths, keepalived, content }: ConfigChange): Promise<ConfigOutcome> {
  const { config } = paths;
  const mark = `${config}.reload-due`;
  const self = `${process.pid} ${identifyProcess(process.pid)?.startTime ?? ''}`;
  if ((await readIfThere(config)) === content) {
    const marked = await readIfThere(mark);
    if (marked === undefined) return { kind: 'unchanged' };
    if (marked === self) await rm(mark);
    else await replaceFile(mark, self, 0o640);
    return { kind: marked === self ? 'unchanged' : 'changed' };
  }
  const candidate = `${config}.candidate`;
  await replaceFile(candidate, content, 0o640);
  const tested = await run([keepalived, '--config-test', `--use-file=${candidate}`]);
  if (tested.code !== 0 && tested.code !== SCRIPTS_UNSECURED) {
    await rename(candidate, `${config}.failed`);
    const said = `${tested.stderr}${tested.stdout}`.trim().replaceAll('\n', '; ');
    return { kind: 'refused', message: `keepalived refuses its configuration (kept as ${config}.failed): ${said}` };
  }
  await replaceFile(mark, self, 0o640);
  await rename(candidate, config);
  await rm(`${config}.failed`, { force: true });
  return { kind: 'changed' };
}
