import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Architecture, Entry, Package, Workshop } from './package.ts';
import { run } from './run.ts';
import { stage, stamp } from './stage.ts';

const ARCHITECTURES: Readonly<Record<Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** An RPM. Needs rpmbuild. */
export async function buildRpm(description: Package, workshop: Workshop): Promise<string> {
  const { out, work, seconds, environment } = workshop;
  const root = join(work, 'files');
  stage(description.entries, root);
  stamp(root, seconds);
  const spec = join(work, `${description.name}.spec`);
  writeFileSync(spec, renderSpec(description, root));
  for (const directory of ['build', 'rpms']) mkdirSync(join(work, directory));
  const architecture = ARCHITECTURES[description.architecture];
  await run(
    [
      'rpmbuild',
      '-bb',
      '--quiet',
      `--target=${architecture}-linux`,
      ...define('_topdir', work),
      ...define('_builddir', join(work, 'build')),
      ...define('_rpmdir', join(work, 'rpms')),
      ...define('_rpmfilename', '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm'),
      ...define('_tmppath', work),
      ...define('_buildhost', 'reproducible'),
      ...define('use_source_date_epoch_as_buildtime', '1'),
      ...define('clamp_mtime_to_source_date_epoch', '1'),
      ...define('_binary_payload', 'w6.zstdio'),
      spec,
    ],
    { ...environment, SOURCE_DATE_EPOCH: `${seconds}` },
  );
  const file = `${description.name}-${rpmVersion(description)}-1.${architecture}.rpm`;
  copyFileSync(join(work, 'rpms', file), join(out, file));
  return join(out, basename(file));
}

function define(name: string, value: string): [string, string] {
  return ['--define', `${name} ${value}`];
}

/** A pre-release sorts before its release. */
function rpmVersion({ version }: Package): string {
  return version.replace('-', '~');
}

/** PURE. What rpmbuild is told, with `root` holding the files. */
export function renderSpec(description: Package, root: string): string {
  const { rpm, entries } = description;
  const requires = ['glibc >= 2.28', 'libstdc++', 'libgcc', '/bin/sh', ...rpm.requires];
  return [
    // Node is as it was published: stripped or linked by a build id it would be another.
    '%global __os_install_post %{nil}',
    '%global debug_package %{nil}',
    '%global _build_id_links none',
    `Name: ${description.name}`,
    `Version: ${rpmVersion(description)}`,
    'Release: 1',
    `Summary: ${description.summary}`,
    'License: Apache-2.0 AND MIT',
    'Group: System Environment/Daemons',
    'AutoReqProv: no',
    ...requires.map((each) => `Requires: ${each}`),
    '',
    '%description',
    description.description,
    '',
    '%install',
    `cp -a ${root}/. %{buildroot}/`,
    '',
    '%files',
    ...ownDirectories(entries).map((path) => `%dir %attr(0755,root,root) ${path}`),
    ...entries.map(fileLine),
    ...Object.entries(rpm.scripts).flatMap(([name, text]) => ['', `%${name}`, escapeMacros(text.trim())]),
    '',
  ].join('\n');
}

function fileLine(entry: Entry): string {
  if (entry.kind === 'link') return entry.path;
  if (entry.kind === 'config') return `%config(noreplace) %attr(0644,root,root) ${entry.path}`;
  const attribute = `%attr(0${entry.mode.toString(8)},root,root)`;
  return `${/^\/usr\/share\/(doc|man)\//.test(entry.path) ? '%doc ' : ''}${attribute} ${entry.path}`;
}

/** Directories that nobody else has. */
function ownDirectories(entries: readonly Entry[]): string[] {
  const directories = entries.flatMap(({ path }) => {
    const own = /^(?:\/usr\/lib\/fairlead|\/etc\/(?:lbagent|fairlead)|\/usr\/share\/doc\/[^/]+)(?=\/)/.exec(path)?.[0];
    const inside = /^\/usr\/lib\/fairlead\/[^/]+(?=\/)/.exec(path)?.[0];
    const dropIns = /^.*\.(?:service|conf)\.d(?=\/)/.exec(path)?.[0];
    return [own, inside, dropIns].filter((each) => each !== undefined);
  });
  return [...new Set(directories)].sort();
}

/** A macro in a script would be replaced when it is built. */
function escapeMacros(text: string): string {
  return text.replaceAll('%', '%%');
}
