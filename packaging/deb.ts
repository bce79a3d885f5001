import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, Package, Workshop } from './package.ts';
import { run } from './run.ts';
import { stage, stamp } from './stage.ts';

const ARCHITECTURES: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const MAINTAINER = 'Fairlead maintainers <maintainers@fairlead.dev>';

/** A Debian package. Needs dpkg-deb. */
export async function buildDeb(description: Package, workshop: Workshop): Promise<string> {
  const { out, work, seconds, environment } = workshop;
  const root = join(work, 'root');
  stage(description.entries, root);
  stage(
    description.takesOver.map(({ path, to }) => ({ kind: 'link', path, to })),
    root,
  );
  const control = join(root, 'DEBIAN');
  mkdirSync(control, { mode: 0o755 });
  writeFileSync(join(control, 'control'), renderControl(description, kilobytesOf(root)), { mode: 0o644 });
  const config = description.entries.filter(({ kind }) => kind === 'config');
  if (config.length > 0) {
    writeFileSync(join(control, 'conffiles'), config.map(({ path }) => `${path}\n`).join(''), { mode: 0o644 });
  }
  const { watches = [] } = description.deb;
  if (watches.length > 0) {
    writeFileSync(join(control, 'triggers'), watches.map((path) => `interest-noawait ${path}\n`).join(''), {
      mode: 0o644,
    });
  }
  for (const [name, text] of Object.entries(description.deb.scripts)) {
    writeFileSync(join(control, name), text, { mode: 0o755 });
  }
  stamp(root, seconds);
  const path = join(out, `${description.name}_${debVersion(description)}_${architectureOf(description)}.deb`);
  await run(['dpkg-deb', '--root-owner-group', '-Zzstd', '-z6', '--build', root, path], {
    ...environment,
    SOURCE_DATE_EPOCH: `${seconds}`,
  });
  return path;
}

/** A pre-release sorts before its release. */
function debVersion({ version }: Package): string {
  return version.replace('-', '~');
}

function architectureOf({ architecture }: Package): string {
  return ARCHITECTURES[architecture];
}

function renderControl(description: Package, kilobytes: number): string {
  const { deb } = description;
  const fields = [
    ['Package', description.name],
    ['Version', debVersion(description)],
    ['Architecture', architectureOf(description)],
    ['Maintainer', MAINTAINER],
    ['Installed-Size', `${kilobytes}`],
    // Of the Node that comes along.
    ['Depends', ['libc6 (>= 2.28)', 'libstdc++6', 'libgcc-s1', ...deb.depends].join(', ')],
    ['Recommends', deb.recommends.join(', ')],
    ['Section', 'net'],
    ['Priority', 'optional'],
    ['Description', `${description.summary}\n${wrap(description.description)}`],
  ];
  return fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

/** Lines of at most 79 characters, each with the blank that makes it a paragraph. */
function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + 1 + word.length > 79) lines.push('');
    lines.push(`${lines.pop()!} ${word}`);
  }
  return lines.join('\n');
}

function kilobytesOf(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return Math.ceil(bytes / 1024);
}
