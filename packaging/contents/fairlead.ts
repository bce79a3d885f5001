import { join } from 'node:path';
import type { Entry, Package } from '../package.ts';
import { answersOf, documentation, home, program, type Source } from './program.ts';

const FILES = join(import.meta.dirname, '../fairlead');
const NAME = 'fairlead';
const SUMMARY = 'looks at a Fairlead site and changes it';
const COMMANDS = ['show', 'get', 'describe', 'apply', 'delete', 'machines', 'tokens', 'certificates', 'login'];

/** The operator's program, also as `kubectl fairlead`, with what shells complete. */
export async function fairleadPackage(source: Source): Promise<Package> {
  const page = {
    name: 'fairlead',
    section: 1,
    summary: SUMMARY,
    version: source.version,
    help: await answersOf(NAME, source, [['--help'], ...COMMANDS.map((command) => [command, '--help'])]),
    files: [['~/.config/fairlead/config.yaml', 'who the operator is, and where the site; written by login']],
    seeAlso: ['cloudagent(8)', 'lbagent(8)', 'kubectl(1)'],
  } as const;
  const completions = await answersOf(
    NAME,
    source,
    ['bash', 'zsh', 'fish'].map((shell) => ['completion', shell]),
  );
  const completion = (shell: string, path: string): Entry => {
    return { kind: 'file', path, mode: 0o644, from: { text: completions.get(`${NAME} completion ${shell}`)! } };
  };
  return {
    name: NAME,
    version: source.version,
    architecture: source.architecture,
    summary: SUMMARY,
    description: [
      'Shows the load balancers, pools, machines and certificates of a site, applies what files declare, adds LB machines',
      'and makes join tokens. Also a plugin of kubectl.',
    ].join(' '),
    entries: [
      ...program(NAME, source),
      // By this name the program knows what people have typed.
      { kind: 'link', path: `${home(NAME)}/kubectl-fairlead.mjs`, to: `${NAME}.mjs` },
      {
        kind: 'file',
        path: '/usr/bin/kubectl-fairlead',
        mode: 0o755,
        from: { text: `#!/bin/sh\nexec ${home(NAME)}/node ${home(NAME)}/kubectl-fairlead.mjs "$@"\n` },
      },
      completion('bash', '/usr/share/bash-completion/completions/fairlead'),
      completion('zsh', '/usr/share/zsh/site-functions/_fairlead'),
      // Debian's zsh looks here.
      { kind: 'link', path: '/usr/share/zsh/vendor-completions/_fairlead', to: '../site-functions/_fairlead' },
      completion('fish', '/usr/share/fish/vendor_completions.d/fairlead.fish'),
      { kind: 'file', path: `/usr/share/doc/${NAME}/README.md`, mode: 0o644, from: { file: join(FILES, 'README.md') } },
      ...documentation(NAME, page, source),
    ],
    takesOver: [],
    deb: { depends: [], recommends: [], scripts: {} },
    rpm: { requires: [], scripts: {} },
    tar: {
      needs: [],
      installed: ':',
      removing: ':',
      afterRemoval: '',
      removed: ':',
      besides: ['fairlead', 'kubectl-fairlead'].map((name) => ({ path: name, text: runInPlace(name) })),
    },
  };
}

/** The archive's own command: works wherever the archive was unpacked, without installing anything. */
function runInPlace(name: string): string {
  return `#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")/files${home(NAME)}\nexec "$here/node" "$here/${name}.mjs" "$@"\n`;
}
