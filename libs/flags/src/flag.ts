/** A flag: what it may be given, what that means, and what it is for. */
export interface Flag<Value> {
  /** As help shows it: `host:port`. Empty for a switch, which is given nothing. */
  readonly form: string;
  /** What to write, for those who wrote something else. */
  readonly rule: string;
  /** Undefined: the text does not do. */
  readonly read: (text: string) => Value | undefined;
  readonly help: string;
  /** Taken when it is not given. */
  readonly otherwise?: string;
  /** What to do when it is not given, and must be. */
  readonly missing?: string;
}

/** A flag that always has a value. */
export type SureFlag<Value> = Flag<Value> & ({ readonly otherwise: string } | { readonly missing: string });

/** Makes a flag of this kind: with a default, or one that may be left out. */
export interface Kind<Value> {
  (help: string): Flag<Value>;
  (help: string, otherwise: string): SureFlag<Value>;
}

export function kind<Value>(form: string, rule: string, read: Flag<Value>['read']): Kind<Value> {
  function make(help: string): Flag<Value>;
  function make(help: string, otherwise: string): SureFlag<Value>;
  function make(help: string, otherwise?: string): Flag<Value> {
    return { form, rule, read, help, ...(otherwise !== undefined && { otherwise }) };
  }
  return make;
}

/** The flag as one without which nothing can be done; `missing` says what to do. */
export function needed<Value>(flag: Flag<Value>, missing: string): SureFlag<Value> {
  return { ...flag, missing };
}

/** The flag of each field: `stateDir` is `--state-dir`. Only what is optional may be left out. */
export type Table<Values> = {
  readonly [Field in keyof Values]-?: Partial<Pick<Values, Field>> extends Pick<Values, Field>
    ? Flag<Exclude<Values[Field], undefined>>
    : SureFlag<Values[Field]>;
};
