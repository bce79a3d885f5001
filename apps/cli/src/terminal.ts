/** The way in and out; a test gives its own. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** All of standard input. */
  readonly readInput: () => Promise<string>;
  readonly inputIsTerminal: boolean;
  /** Colours may be used on standard output. */
  readonly colour: boolean;
}
