import type { Lab } from '../../e2e/lab/lab.ts';
import { anonymousMb, cpuSeconds, residentMb } from './proc-text.ts';

/** What processes have used; of several together, the sum. */
export interface Usage {
  /** Since they began. */
  readonly cpuSeconds: number;
  /** Pages that several have in common are counted for each. */
  readonly residentMb: number;
  readonly anonymousMb: number;
}

/** Of processes of one host; throws when one of them has ended. */
export async function usageOf(lab: Lab, host: string, pids: readonly number[]): Promise<Usage> {
  const read = (pid: number, file: string) => lab.must(host, ['cat', `/proc/${pid}/${file}`]);
  const each = await Promise.all(
    pids.map(async (pid) => {
      const [stat, memory] = await Promise.all([read(pid, 'stat'), read(pid, 'smaps_rollup')]);
      return { cpuSeconds: cpuSeconds(stat), residentMb: residentMb(memory), anonymousMb: anonymousMb(memory) };
    }),
  );
  const sum = (figure: keyof Usage) => each.reduce((total, usage) => total + usage[figure], 0);
  return { cpuSeconds: sum('cpuSeconds'), residentMb: sum('residentMb'), anonymousMb: sum('anonymousMb') };
}

/** All processes of a program on a host, by the beginning of its short name; throws when there are none. */
export async function pidsOf(lab: Lab, host: string, program: string): Promise<number[]> {
  const script = `own=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/net)" = "$own" ] && case $(cat $p/comm) in "$1"*) echo "\${p#/proc/}";; esac
done
true`;
  const pids = (await lab.must(host, ['sh', '-c', script, 'sh', program])).split('\n').filter(Boolean).map(Number);
  if (pids.length === 0) throw new Error(`${program} does not run on ${host}`);
  return pids;
}
