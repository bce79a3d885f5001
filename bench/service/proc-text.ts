/** USER_HZ: the same on all that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Of /proc/PID/stat: in user and kernel mode together. The name, which comes second, may have spaces and parentheses. */
export function cpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Of /proc/PID/smaps_rollup, in 10^6 bytes. */
export function residentMb(smapsRollup: string): number {
  return megabytes(smapsRollup, 'Rss');
}

/** Of /proc/PID/smaps_rollup, in 10^6 bytes: what belongs to no file. */
export function anonymousMb(smapsRollup: string): number {
  return megabytes(smapsRollup, 'Anonymous');
}

function megabytes(text: string, line: string): number {
  const found = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (!found) throw new Error(`smaps_rollup has no line "${line}: … kB"`);
  return (Number(found[1]) * 1024) / 1e6;
}
