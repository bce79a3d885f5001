import { existsSync, globSync, readFileSync } from 'node:fs';

/** Where packages of one Debian release come from: one-line entries as in sources.list(5). */
export function sourcesOf(release: string, environment: NodeJS.ProcessEnv): string[] {
  const named = environment['FAIRLEAD_APT_SOURCES'];
  const files = named
    ? [named]
    : ['/etc/apt/sources.list', ...globSync('/etc/apt/sources.list.d/*.{list,sources}').sort()];
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  const found = debianSources(texts, release);
  if (found.length > 0) return found;
  throw new Error(
    `No source of Debian's packages is among ${files.join(', ')}: set FAIRLEAD_APT_SOURCES to a file in the form of sources.list with those of Debian ${release}.`,
  );
}

/**
 * Those of Debian's own sources that stand in the texts (sources.list or deb822), turned to another release. A source is
 * taken for Debian's by its suite, such as bookworm or bookworm-security, and by its component main.
 */
export function debianSources(texts: readonly string[], release: string): string[] {
  const lines = texts.flatMap((text) => (/^Types:/m.test(text) ? fromStanzas(text) : fromLines(text)));
  return [...new Set(lines.flatMap((each) => turned(each, release)))];
}

interface Source {
  readonly options: string;
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

const RELEASES = ['bookworm', 'trixie', 'forky', 'stable', 'testing'];

function turned({ options, uri, suite, components }: Source, release: string): string[] {
  const [codename = '', pocket, ...more] = suite.split('-');
  if (!RELEASES.includes(codename) || !components.includes('main') || more.length > 0) return [];
  if (pocket !== undefined && pocket !== 'updates' && pocket !== 'security') return [];
  return [['deb', options, uri, [release, pocket].filter(Boolean).join('-'), 'main'].filter(Boolean).join(' ')];
}

function fromLines(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^deb\s+(\[[^\]]*\])?\s*(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim());
    if (!match) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    return [{ options, uri, suite, components: components.split(/\s+/) }];
  });
}

function fromStanzas(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map(
      stanza.split('\n').flatMap((line) => {
        const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
        return match ? [[match[1]!.toLowerCase(), match[2]!.trim()] as const] : [];
      }),
    );
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || fields.get('enabled') === 'no') return [];
    const key = fields.get('signed-by');
    const options = key?.startsWith('/') ? `[signed-by=${key}]` : '';
    return words('uris').flatMap((uri) =>
      words('suites').map((suite) => ({ options, uri, suite, components: words('components') })),
    );
  });
}
