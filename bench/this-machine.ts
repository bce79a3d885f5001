import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../e2e/lab/command.ts';
import { KUBERNETES_VERSION } from '../e2e/lab/kubernetes/binaries.ts';
import { findOnPath, type Parts } from '../e2e/lab/parts.ts';

/** What the figures depend on: processor, memory, kernel. */
export function describeMachine(): Record<string, string> {
  const model = cpus()[0]?.model.trim() ?? '';
  return {
    cores: `${availableParallelism()}${model === '' || model === 'unknown' ? '' : ` of ${model}`}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '',
  };
}

/** Fairlead's version and commit. */
export async function describeFairlead(): Promise<string> {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  const commit = await run(['git', '-C', import.meta.dirname, 'rev-parse', '--short=10', 'HEAD']).catch(
    () => undefined,
  );
  return manifest.version + (commit?.code === 0 ? ` (${commit.stdout.trim()})` : '');
}

/** Versions of everything else that takes part. */
export async function describeVersions(parts: Parts): Promise<Record<string, string>> {
  const printed = async (program: string, flag: string) => {
    const file = findOnPath(program, parts.bin) ?? program;
    const { stdout, stderr } = await run([file, flag]);
    return /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown';
  };
  return {
    haproxy: await printed('haproxy', '-v'),
    keepalived: await printed('keepalived', '--version'),
    nft: await printed('nft', '--version'),
    node: process.versions.node,
    kubernetes: KUBERNETES_VERSION.replace(/^v/, ''),
  };
}
