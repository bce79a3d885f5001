/** Header and rows of equal length. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = '   ';

/** Columns as wide as their widest cell, three spaces between them, nothing at the end of a line. PURE. */
export function renderTable({ header, rows }: Table, headers = true, least: readonly number[] = []): string {
  const lines = headers ? [header, ...rows] : rows;
  const widths = widthsOf({ header: headers ? header : [], rows }, least);
  return lines.map((line) => `${renderLine(line, widths)}\n`).join('');
}

/** Widths of the columns, none smaller than in `least`: so rows that come later stay in line. PURE. */
export function widthsOf({ header, rows }: Table, least: readonly number[] = []): number[] {
  const columns = Math.max(header.length, ...rows.map((row) => row.length), 0);
  return Array.from({ length: columns }, (_, column) =>
    Math.max(least[column] ?? 0, ...[header, ...rows].map((line) => visibleLength(line[column] ?? ''))),
  );
}

function renderLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - visibleLength(cell))))
    .join(GAP)
    .trimEnd();
}

/** Nothing to show. */
export const NONE = '<none>';

export function orNone(text: string): string {
  return text === '' ? NONE : text;
}

/** Colours take no place. */
function visibleLength(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the escape character begins a colour
  return text.replaceAll(/\u001B\[\d+m/g, '').length;
}
