import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry, Package } from '../package.ts';
import { answersOf, documentation, home, program, type Source } from './program.ts';

const FILES = join(import.meta.dirname, '../cloudagent');
const NAME = 'fairlead-cloudagent';
const SUMMARY = 'knows what a Fairlead site serves, and where';

/** cloudagent, for a site whose first cluster needs an address before anything can run in it. */
export async function cloudagentPackage(source: Source): Promise<Package> {
  const file = (name: string, path: string, mode = 0o644): Entry => {
    return { kind: 'file', path, mode, from: { file: join(FILES, name) } };
  };
  const config = (name: string): Entry => {
    return { kind: 'config', path: `/etc/fairlead/${name}`, from: { file: join(FILES, name) } };
  };
  const script = (name: string): string => readFileSync(join(FILES, name), 'utf8');
  const setup = `${home('cloudagent')}/setup`;
  const page = {
    name: 'cloudagent',
    section: 8,
    summary: SUMMARY,
    version: source.version,
    help: await answersOf('cloudagent', source, [['--help']]),
    files: [
      ['/etc/fairlead/cloudagent.env', 'options of cloudagent.service'],
      ['/etc/fairlead/site.yaml', 'what the site has'],
      ['/etc/fairlead/identity', "keys of the site's authority"],
      ['/var/lib/fairlead', 'pools, addresses, load balancers'],
    ],
    seeAlso: ['fairlead(1)', 'lbagent(8)'],
  } as const;
  return {
    name: NAME,
    version: source.version,
    architecture: source.architecture,
    summary: SUMMARY,
    description: [
      'Owns the truth of a site: pools, addresses, load balancers, LB machines and certificates. Tells every LB machine',
      'what to serve. One for each site.',
    ].join(' '),
    entries: [
      ...program('cloudagent', source),
      file('setup', setup, 0o755),
      file('cloudagent.service', '/usr/lib/systemd/system/cloudagent.service'),
      file('sysusers.conf', `/usr/lib/sysusers.d/${NAME}.conf`),
      file('tmpfiles.conf', `/usr/lib/tmpfiles.d/${NAME}.conf`),
      config('cloudagent.env'),
      config('site.yaml'),
      file('README.md', `/usr/share/doc/${NAME}/README.md`),
      ...documentation(NAME, page, source),
    ],
    takesOver: [],
    deb: {
      depends: ['systemd (>= 252)'],
      recommends: ['fairlead'],
      scripts: {
        postinst: script('deb/postinst'),
        prerm: script('deb/prerm'),
        postrm: `${script('after-removal')}${script('deb/postrm')}`,
      },
    },
    rpm: {
      requires: ['systemd >= 252'],
      scripts: {
        post: script('rpm/post'),
        preun: script('rpm/preun'),
        postun: `${script('after-removal')}${script('rpm/postun')}`,
      },
    },
    tar: {
      needs: ['systemctl', 'systemd-sysusers'],
      installed: `${setup} installed $again`,
      removing: `${setup} removing`,
      afterRemoval: script('after-removal'),
      removed: 'forget_units\nif [ "$1" = --purge ]; then forget; fi',
      besides: [],
    },
  };
}
