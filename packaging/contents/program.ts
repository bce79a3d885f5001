import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Bundle } from '../../tools/build.ts';
import { licenceTexts } from '../licences.ts';
import { type ManPage, renderManPage } from '../man-page.ts';
import type { Architecture, Entry } from '../package.ts';
import { run } from '../run.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** What packages are made from. */
export interface Source {
  readonly version: string;
  readonly architecture: Architecture;
  /** Path of the Node that comes along. */
  readonly node: string;
  readonly bundle: Bundle;
  /** For the programs that are run. */
  readonly environment: NodeJS.ProcessEnv;
}

/** The folder of a program: no other program's upgrade can change what it runs on. */
export function home(name: string): string {
  return `/usr/lib/fairlead/${name}`;
}

/** A program with its own Node, and the command that people call it by. */
export function program(name: string, { node, bundle }: Source): readonly Entry[] {
  const command = `#!/bin/sh\nexec ${home(name)}/node ${home(name)}/${name}.mjs "$@"\n`;
  return [
    { kind: 'file', path: `${home(name)}/node`, mode: 0o755, from: { file: node } },
    { kind: 'file', path: `${home(name)}/${name}.mjs`, mode: 0o644, from: { text: bundle.text } },
    { kind: 'file', path: `/usr/bin/${name}`, mode: 0o755, from: { text: command } },
  ];
}

/** Changes, licences and a page for man(1). */
export function documentation(packageName: string, page: ManPage, { node, bundle }: Source): readonly Entry[] {
  const file = (path: string, content: string | Uint8Array): Entry => {
    return { kind: 'file', path, mode: 0o644, from: { text: content } };
  };
  const folder = `/usr/share/doc/${packageName}`;
  return [
    file(`${folder}/copyright`, renderCopyright(folder)),
    file(`${folder}/changelog.gz`, zip(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'))),
    file(`${folder}/licence-of-node.gz`, zip(readFileSync(resolve(dirname(node), '../LICENSE'), 'utf8'))),
    file(`${folder}/licences-of-npm-packages.gz`, zip(licenceTexts(bundle.packages))),
    file(`/usr/share/man/man${page.section}/${page.name}.${page.section}.gz`, zip(renderManPage(page))),
  ];
}

/** What the program itself answers, by the arguments. Runs on the Node that builds: any architecture's package has it. */
export async function answersOf(
  name: string,
  { bundle, environment }: Source,
  questions: readonly (readonly string[])[],
): Promise<Map<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-bundle-'));
  try {
    const file = join(directory, `${name}.mjs`);
    writeFileSync(file, bundle.text);
    const answers = await Promise.all(
      questions.map(async (args) => {
        const said = await run([process.execPath, file, ...args], {
          ...environment,
          COLUMNS: '80',
          NO_COLOR: '1',
        });
        return [[name, ...args].join(' '), said] as const;
      }),
    );
    return new Map(answers);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Without the time and the system of who zips. */
function zip(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

function renderCopyright(folder: string): string {
  const licence = readFileSync(join(ROOT, 'LICENSE'), 'utf8');
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: Fairlead',
    '',
    'Files: *',
    'Copyright: the authors of Fairlead',
    'License: Apache-2.0',
    '',
    'Files: usr/lib/fairlead/*/node',
    'Copyright: the authors of Node.js and of what it contains',
    'License: MIT and others',
    ` See ${folder}/licence-of-node.gz.`,
    '',
    'Files: usr/lib/fairlead/*/*.mjs',
    'Copyright: the authors of Fairlead and of the npm packages in it',
    'License: Apache-2.0 and others',
    ` See ${folder}/licences-of-npm-packages.gz.`,
    '',
    'License: Apache-2.0',
    ...licence
      .trim()
      .split('\n')
      .map((line) => (line.trim() === '' ? ' .' : ` ${line}`)),
    '',
  ].join('\n');
}
