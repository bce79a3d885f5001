import { InvalidArgumentError } from 'commander';

/** For an option that may be given again. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** Refuses every other value, naming those there are. */
export function oneOf<Value extends string>(...choices: readonly Value[]): (value: string) => Value {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new InvalidArgumentError(`Write one of ${choices.join(', ')}.`);
    return found;
  };
}

/** How `get` prints; without one: a table. */
export const FORMATS = ['wide', 'json', 'yaml', 'name'] as const;

export interface GetOptions {
  readonly output?: (typeof FORMATS)[number];
  readonly watch?: true;
  readonly headers: boolean;
}
