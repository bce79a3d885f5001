import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry, Package } from '../package.ts';
import { answersOf, documentation, home, program, type Source } from './program.ts';

const FILES = join(import.meta.dirname, '../lbagent');
const NAME = 'fairlead-lbagent';
const SUMMARY = 'serves the load balancers of a Fairlead site on this machine';
const COMMANDS = ['run', 'join', 'stop-serving', 'resume-serving', 'withdraw'];

/** lbagent, and how haproxy and keepalived of the distribution run beside it. */
export async function lbagentPackage(source: Source): Promise<Package> {
  const file = (name: string, path: string, mode = 0o644): Entry => {
    return { kind: 'file', path, mode, from: { file: join(FILES, name) } };
  };
  const script = (name: string): string => readFileSync(join(FILES, name), 'utf8');
  const units = '/usr/lib/systemd/system';
  const setup = `${home('lbagent')}/setup`;
  const page = {
    name: 'lbagent',
    section: 8,
    summary: SUMMARY,
    version: source.version,
    help: await answersOf('lbagent', source, [['--help'], ...COMMANDS.map((command) => [command, '--help'])]),
    files: [
      ['/etc/lbagent/lbagent.env', 'options of lbagent.service'],
      ['/etc/lbagent/pki', 'key and certificate of this machine'],
      ['/var/lib/lbagent', 'what this machine serves'],
    ],
    seeAlso: ['fairlead(1)', 'cloudagent(8)', 'haproxy(1)', 'keepalived(8)', 'nft(8)'],
  } as const;
  return {
    name: NAME,
    version: source.version,
    architecture: source.architecture,
    summary: SUMMARY,
    description: [
      'Runs beside haproxy and keepalived, and makes them serve what the cloudagent of its site says, without dropping a',
      'connection: addresses for Services of type LoadBalancer of Kubernetes clusters, and others.',
    ].join(' '),
    entries: [
      ...program('lbagent', source),
      file('unit-request', `${home('lbagent')}/unit-request`, 0o755),
      file('setup', setup, 0o755),
      file('lbagent.service', `${units}/lbagent.service`),
      file('lbagent-units.socket', `${units}/lbagent-units.socket`),
      file('lbagent-units@.service', `${units}/lbagent-units@.service`),
      file('haproxy.conf', `${units}/haproxy.service.d/10-${NAME}.conf`),
      file('keepalived.conf', `${units}/keepalived.service.d/10-${NAME}.conf`),
      file('networkd.conf', `/usr/lib/systemd/networkd.conf.d/10-${NAME}.conf`),
      file('sysusers.conf', `/usr/lib/sysusers.d/${NAME}.conf`),
      file('tmpfiles.conf', `/usr/lib/tmpfiles.d/${NAME}.conf`),
      file('modules-load.conf', `/usr/lib/modules-load.d/${NAME}.conf`),
      file('sysctl.conf', `/usr/lib/sysctl.d/60-${NAME}.conf`),
      { kind: 'config', path: '/etc/lbagent/lbagent.env', from: { file: join(FILES, 'lbagent.env') } },
      file('README.md', `/usr/share/doc/${NAME}/README.md`),
      ...documentation(NAME, page, source),
    ],
    takesOver: [
      { path: '/etc/haproxy/haproxy.cfg', to: '/var/lib/lbagent/haproxy/haproxy.cfg' },
      { path: '/etc/keepalived/keepalived.conf', to: '/var/lib/lbagent/keepalived/keepalived.conf' },
    ],
    deb: {
      depends: [
        'haproxy (>= 2.6)',
        'keepalived (>= 1:2.2)',
        'nftables (>= 1.0)',
        'conntrack',
        'iproute2',
        'systemd (>= 252)',
      ],
      recommends: ['arping | iputils-arping'],
      watches: ['/usr/sbin/haproxy', '/usr/sbin/keepalived'],
      scripts: {
        preinst: script('deb/preinst'),
        postinst: script('deb/postinst'),
        prerm: script('deb/prerm'),
        postrm: `${script('after-removal')}${script('deb/postrm')}`,
      },
    },
    rpm: {
      requires: [
        'haproxy >= 2.6',
        'keepalived >= 2.2',
        'nftables >= 1.0',
        'conntrack-tools',
        'iproute',
        'util-linux',
        'systemd >= 252',
      ],
      scripts: {
        post: script('rpm/post'),
        preun: script('rpm/preun'),
        postun: `${script('after-removal')}${script('rpm/postun')}`,
      },
    },
    tar: {
      needs: ['haproxy', 'keepalived', 'nft', 'ip', 'systemctl', 'systemd-sysusers', 'flock'],
      installed: `${setup} take-over\n${setup} installed`,
      removing: `${setup} removing\n${setup} give-back`,
      afterRemoval: script('after-removal'),
      removed: 'give_units_back\nif [ "$1" = --purge ]; then forget; fi',
      besides: [],
    },
  };
}
