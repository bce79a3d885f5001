import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Package, Workshop } from './package.ts';
import { run } from './run.ts';
import { stage, stamp } from './stage.ts';

/** An archive with an installer, for systems with neither deb nor RPM. */
export async function buildTarball(description: Package, workshop: Workshop): Promise<string> {
  const { out, work, seconds, environment } = workshop;
  const folder = `${description.name}-${description.version}-linux-${description.architecture}`;
  const root = join(work, folder);
  const uninstall = {
    kind: 'file',
    path: uninstallPath(description),
    mode: 0o755,
    from: { text: renderUninstall(description) },
  } as const;
  stage([...description.entries, uninstall], join(root, 'files'));
  stage([{ kind: 'file', path: 'install.sh', mode: 0o755, from: { text: renderInstall(description) } }], root);
  for (const { path, text } of description.tar.besides) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o755);
  }
  stamp(root, seconds);
  const path = join(out, `${folder}.tar.gz`);
  const options = ['--format=gnu', '--sort=name', '--owner=root:0', '--group=root:0', `--directory=${work}`];
  await run(['tar', '--create', `--file=${path}`, '--use-compress-program=gzip -4n', ...options, folder], environment);
  return path;
}

/** PURE. */
export function renderInstall(description: Package): string {
  const { name, version, tar, entries } = description;
  const config = entries.filter(({ kind }) => kind === 'config').map(({ path }) => path);
  return `#!/bin/sh
# Installs ${name} ${version} on this machine, or puts it in place of another version. Run as root.
# ${uninstallPath(description)} takes it away again.
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
here=$(dirname "$(readlink -f "$0")")
list=${listPath(description)}
made=${foldersPath(description)}

fail() {
  echo "${name}: $1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'run this as root'
for program in ${tar.needs.join(' ')}; do
  command -v "$program" >/dev/null || fail "$program is missing: install it first, and run this again"
done
if command -v dpkg-query >/dev/null && dpkg-query --status ${name} >/dev/null 2>&1; then
  fail 'is installed as a Debian package: upgrade or remove that'
fi
if command -v rpm >/dev/null && rpm --query ${name} >/dev/null 2>&1; then
  fail 'is installed as an RPM: upgrade or remove that'
fi

# Notes the folders that were not there: only those go again.
make_folder() {
  [ -z "$1" ] || [ -d "$1" ] || {
    make_folder "\${1%/*}"
    mkdir "$1"
    echo "$1" >>"$here/.made"
  }
}

again=
rm -f "$here/.made"
[ ! -e $list ] || again=again
cd "$here/files"
find . ! -type d | sed 's/^\\.//' | sort >"$here/.installing"
while read -r file; do
  make_folder "\${file%/*}"
  case $file in
    ${config.length > 0 ? config.join(' | ') : '-'})
      if [ -e "$file" ]; then
        cmp -s ".$file" "$file" || cp --preserve=mode,timestamps ".$file" "$file.new"
        continue
      fi
      ;;
  esac
  # A program that runs goes on with its own file.
  cp --no-dereference --preserve=mode,timestamps,links --remove-destination ".$file" "$file"
done <"$here/.installing"
if [ $again ]; then
  sort $list | comm -23 - "$here/.installing" | while read -r file; do rm -f "$file"; done
fi
mv "$here/.installing" $list
if [ -e "$here/.made" ]; then cat "$here/.made" >>$made; fi
${tar.installed}
echo '${name} ${version} is installed.'
`;
}

/** PURE. */
export function renderUninstall(description: Package): string {
  const { name, tar } = description;
  return `${tar.afterRemoval.trim() === '' ? '#!/bin/sh\nset -e\n' : tar.afterRemoval.trimEnd()}
# Run as root: takes away what install.sh put there; with --purge what was made since, too.
list=${listPath(description)}
made=${foldersPath(description)}
[ "$(id -u)" = 0 ] || {
  echo '${name}: run this as root' >&2
  exit 1
}
[ -e $list ] || {
  echo "${name}: $list is missing, so install.sh did not install it: remove the package" >&2
  exit 1
}
${tar.removing}
while read -r file; do rm -f "$file"; done <$list
folders=$([ ! -e $made ] || sort -r $made)
rm -f $list $made
for folder in $folders; do
  rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
done
${tar.removed}
echo '${name} is gone.'
`;
}

function uninstallPath({ name }: Package): string {
  return `/usr/lib/fairlead/${programOf(name)}/uninstall`;
}

function listPath({ name }: Package): string {
  return `/usr/lib/fairlead/${programOf(name)}/installed-files`;
}

function foldersPath({ name }: Package): string {
  return `/usr/lib/fairlead/${programOf(name)}/made-folders`;
}

function programOf(packageName: string): string {
  return packageName.replace(/^fairlead-/, '');
}
