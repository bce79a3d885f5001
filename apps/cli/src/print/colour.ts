/** Marks text; without colours it is the text itself. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const plain = (text: string): string => text;

export const NO_PAINT: Paint = { good: plain, bad: plain, dim: plain, bold: plain };

export const ANSI_PAINT: Paint = { good: ansi(32), bad: ansi(31), dim: ansi(2), bold: ansi(1) };

function ansi(code: number): (text: string) => string {
  return (text) => (text === '' ? '' : `\u001B[${code}m${text}\u001B[0m`);
}
