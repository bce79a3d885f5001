import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What the Node binary is linked with. */
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'] as const;

/** Of those packages: the loader, the C and C++ libraries, and what resolves names. */
const LIBRARIES =
  /^(\/usr)?\/lib(64)?\/(.*\/)?(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|nss_dns|nss_files)\.so\.\d+|libgcc_s\.so\.1|libstdc\+\+\.so\.6[.\d]*)$/;

const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnonroot:x:65532:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/**
 * Puts what Node needs of an operating system into `root`: the libraries of this machine's Debian or Ubuntu, as its
 * packages brought them, their licences, and a word for scanners on which versions they are. No shell, no package
 * manager. Throws one sentence where the machine is none of these, or its libraries are not as they were installed.
 */
export function stageBase(root: string): void {
  if (!existsSync('/var/lib/dpkg/status')) {
    throw new Error(
      'the base of the images is taken from Debian or Ubuntu packages, and this machine has none: build them on one of these',
    );
  }
  for (const directory of ['etc', 'usr/lib', 'usr/lib64', 'tmp', 'var/lib/dpkg/status.d']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  // As on the system that they come from, since the loader is named by its path.
  for (const name of ['lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
  for (const [path, text] of Object.entries(FILES)) writeFileSync(join(root, path), text);
  copyFileSync(realpathSync('/etc/os-release'), join(root, 'etc/os-release'));
  for (const name of PACKAGES) stagePackage(root, name);
}

function stagePackage(root: string, name: string): void {
  const altered = output(['dpkg', '--verify', name]).trim();
  if (/ (\/usr)?\/lib/.test(altered)) {
    throw new Error(`package ${name} is not as it was installed (${altered}): install it again`);
  }
  const files = output(['dpkg', '-L', name]).split('\n');
  for (const file of files.filter((path) => LIBRARIES.test(path))) stageLibrary(root, file);
  const copyright = join(root, 'usr/share/doc', name, 'copyright');
  mkdirSync(dirname(copyright), { recursive: true });
  copyFileSync(realpathSync(`/usr/share/doc/${name}/copyright`), copyright);
  writeFileSync(join(root, 'var/lib/dpkg/status.d', name), output(['dpkg-query', '-s', name]));
}

function stageLibrary(root: string, file: string): void {
  const target = join(root, 'usr', file.replace(/^\/usr/, ''));
  mkdirSync(dirname(target), { recursive: true });
  if (!lstatSync(file).isSymbolicLink()) return copyFileSync(file, target);
  // Within the same directory, except for the loader's fixed name.
  const link = readlinkSync(file);
  symlinkSync(link.startsWith('/') ? `../${link.replace(/^(\/usr)?\//, '')}` : link, target);
  if (basename(link) !== link && !link.startsWith('/'))
    throw new Error(`${file} leads to ${link}: this is not known here`);
}

function output(argv: readonly [string, ...string[]]): string {
  const [program, ...args] = argv;
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  // dpkg --verify ends with 1 when something differs, and says what.
  if (status === 0 || (args[0] === '--verify' && stderr === '')) return stdout;
  throw new Error(`\`${argv.join(' ')}\` failed: ${error?.message ?? stderr.trim()}`);
}
