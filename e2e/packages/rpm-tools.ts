import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { must } from '../lab/command.ts';
import { ensureParts } from '../lab/parts.ts';
import { RPM } from '../lab/parts/needed.ts';

/** The environment in which rpmbuild, rpm, dnf and createrepo_c work, installed or not. */
export async function rpmEnvironment(): Promise<NodeJS.ProcessEnv> {
  const { bin } = await ensureParts({ needed: RPM });
  const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  const parts = join(dirname(bin.split(':')[0]!), 'root/usr/lib');
  if (!existsSync(join(parts, 'rpm/rpmrc'))) return environment;
  const python = globSync('python3*/dist-packages', { cwd: parts }).map((directory) => join(parts, directory));
  return { ...environment, RPM_CONFIGDIR: join(parts, 'rpm'), PYTHONPATH: python.join(':') };
}

/** A small package of somebody else's. */
export interface StubPackage {
  readonly name: string;
  readonly version: string;
  readonly provides?: string;
  /** Configuration files, by path. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Builds it into `out`. */
export async function buildStub(stub: StubPackage, out: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'fairlead-stub-'));
  try {
    const config = Object.entries(stub.config ?? {});
    for (const [path, text] of config) {
      mkdirSync(dirname(join(work, 'files', path)), { recursive: true });
      writeFileSync(join(work, 'files', path), text);
    }
    mkdirSync(join(work, 'files'), { recursive: true });
    const provides = stub.provides === undefined ? '' : `Provides: ${stub.provides}`;
    const spec = `Name: ${stub.name}
Version: ${stub.version}
Release: 1
Summary: stub
License: none
BuildArch: noarch
AutoReqProv: no
${provides}
%description
A stub.
%install
mkdir -p %{buildroot}
cp -a ${work}/files/. %{buildroot}/
%files
${config.map(([path]) => `%config(noreplace) ${path}`).join('\n')}
`;
    writeFileSync(join(work, 'stub.spec'), spec);
    const topdir = ['--define', `_topdir ${work}`];
    await must(['rpmbuild', '-bb', '--quiet', ...topdir, join(work, 'stub.spec')], { env: environment });
    const [built] = globSync('RPMS/*/*.rpm', { cwd: work });
    mkdirSync(out, { recursive: true });
    renameSync(join(work, built!), join(out, `${stub.name}-${stub.version}.rpm`));
  } finally {
    rmSync(work, { recursive: true });
  }
}
