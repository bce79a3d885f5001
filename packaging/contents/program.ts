import type { Architecture, Entry } from '../package.ts';

/** What packages are made from. */
export interface Source {
  readonly version: string;
  readonly architecture: Architecture;
  /** Path of the Node that comes along. */
  readonly node: string;
  /** The program as one file: its text. */
  readonly bundle: string;
}

/** A program with its own Node, below /usr/lib/fairlead: no other program's upgrade can change what it runs on. */
export function program(name: string, { node, bundle }: Source): readonly Entry[] {
  return [
    { kind: 'file', path: `/usr/lib/fairlead/${name}/node`, mode: 0o755, from: { file: node } },
    { kind: 'file', path: `/usr/lib/fairlead/${name}/${name}.mjs`, mode: 0o644, from: { text: bundle } },
  ];
}
