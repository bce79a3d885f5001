/** One thing that is wrong in what an operator wrote. */
export interface Violation {
  /** File name, `stdin`, or empty when it is about something stored earlier. */
  readonly source: string;
  /** 1-based; 0: unknown. */
  readonly line: number;
  /** For example `VipPool/default spec.ranges[0]`. */
  readonly field: string;
  /** One sentence: what is wrong and what to do. */
  readonly message: string;
}

export type Path = readonly (string | number)[];

/** `spec.ranges[0]`; keys that are no plain words are quoted: `labels["a.b/c"]`. */
export function formatPath(path: Path): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part.slice(0, 64))}]`;
    })
    .join('')
    .replace(/^\./, '');
}
