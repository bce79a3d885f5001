import type { MachineView } from '../status.ts';

/** A clock that is further off is told of: certificates are valid from so long before they were made. Milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

/** What a person should know of a machine, each one sentence: what it found itself, and that its clock is off. PURE. */
export function findingsOf({
  report,
  clockSkewMs = 0,
}: Pick<MachineView, 'report' | 'clockSkewMs'>): readonly string[] {
  const found = report?.findings ?? [];
  if (Math.abs(clockSkewMs) <= CLOCK_TOLERANCE_MS) return found;
  const off = `${roughly(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? 'ahead of' : 'behind'}`;
  return [
    ...found,
    `its clock is ${off} that of the cloudagent: set the one that is wrong (see timedatectl), both judge certificates by it`,
  ];
}

const UNITS = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
  ['seconds', 1_000],
] as const;

/** In the largest unit of which it has two at least. */
function roughly(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, each]) => milliseconds >= 2 * each) ?? UNITS.at(-1)!;
  return `${Math.round(milliseconds / size)} ${unit}`;
}
