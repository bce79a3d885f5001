/** What was promised, by one word. */
export type Rule =
  | 'held-twice'
  | 'leaked'
  | 'lost'
  | 'miscounted'
  | 'not-told'
  | 'not-finished'
  | 'not-connected'
  | 'not-rendered'
  | 'not-in-kernel'
  | 'nobody-asked'
  | 'not-one-owner'
  | 'no-answer';

/** One way in which a promise is broken: which, and a sentence that names Service, address and machine. */
export interface Violation {
  readonly rule: Rule;
  readonly sentence: string;
}

export function violation(rule: Rule, sentence: string): Violation {
  return { rule, sentence };
}
