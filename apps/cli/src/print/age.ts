const STEPS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/**
 * A time span as kubectl writes ages: two units while the first number is small (`3m20s`, `5h12m`, `2d3h`),
 * then one (`47m`, `12d`). Less than a second, and the past, is `0s`. PURE.
 */
export function formatAge(milliseconds: number): string {
  const index = STEPS.findIndex(([, size]) => milliseconds >= size);
  const step = STEPS[index];
  if (step === undefined) return '0s';
  const [unit, size] = step;
  const whole = Math.floor(milliseconds / size);
  const next = STEPS[index + 1];
  const rest = next === undefined ? 0 : Math.floor((milliseconds % size) / next[1]);
  return whole < 10 && next !== undefined && rest > 0 ? `${whole}${unit}${rest}${next[0]}` : `${whole}${unit}`;
}

/** A time span that has just begun: what is short of a whole minute by a moment is that minute. PURE. */
export function formatLifetime(milliseconds: number): string {
  return formatAge(milliseconds < 120_000 ? milliseconds : Math.round(milliseconds / 60_000) * 60_000);
}
