import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry, Package } from '../package.ts';
import { program, type Source } from './program.ts';

const FILES = join(import.meta.dirname, '../lbagent');

/** lbagent, and how haproxy and keepalived of the distribution run beside it. */
export function lbagentPackage(source: Source): Package {
  const file = (name: string, path: string, mode = 0o644): Entry => {
    return { kind: 'file', path, mode, from: { file: join(FILES, name) } };
  };
  const script = (name: string): string => readFileSync(join(FILES, 'deb', name), 'utf8');
  const units = '/usr/lib/systemd/system';
  return {
    name: 'fairlead-lbagent',
    version: source.version,
    architecture: source.architecture,
    summary: 'serves the load balancers of a Fairlead site on this machine',
    description:
      'Runs beside haproxy and keepalived, which it makes serve what the cloudagent of its site says, without dropping a connection.',
    entries: [
      ...program('lbagent', source),
      file('unit-request', '/usr/lib/fairlead/lbagent/unit-request', 0o755),
      file('setup', '/usr/lib/fairlead/lbagent/setup', 0o755),
      file('command', '/usr/bin/lbagent', 0o755),
      file('lbagent.service', `${units}/lbagent.service`),
      file('lbagent-units.socket', `${units}/lbagent-units.socket`),
      file('lbagent-units@.service', `${units}/lbagent-units@.service`),
      file('haproxy.conf', `${units}/haproxy.service.d/10-fairlead-lbagent.conf`),
      file('keepalived.conf', `${units}/keepalived.service.d/10-fairlead-lbagent.conf`),
      file('sysusers.conf', '/usr/lib/sysusers.d/fairlead-lbagent.conf'),
      file('tmpfiles.conf', '/usr/lib/tmpfiles.d/fairlead-lbagent.conf'),
      file('modules-load.conf', '/usr/lib/modules-load.d/fairlead-lbagent.conf'),
      file('sysctl.conf', '/usr/lib/sysctl.d/60-fairlead-lbagent.conf'),
      file('networkd.conf', '/usr/lib/systemd/networkd.conf.d/10-fairlead-lbagent.conf'),
      { ...file('lbagent.env', '/etc/lbagent/lbagent.env'), kind: 'file', config: true } as Entry,
      // There is a file of the distribution's by that name: dpkg moves it aside, rpm would refuse.
      { kind: 'link', path: '/etc/haproxy/haproxy.cfg', to: '/var/lib/lbagent/haproxy/haproxy.cfg', not: ['rpm'] },
      {
        kind: 'link',
        path: '/etc/keepalived/keepalived.conf',
        to: '/var/lib/lbagent/keepalived/keepalived.conf',
        not: ['rpm'],
      },
    ],
    deb: {
      depends: ['haproxy (>= 2.6)', 'keepalived (>= 1:2.2)', 'nftables (>= 1.0)', 'iproute2', 'systemd (>= 252)'],
      recommends: ['arping'],
      scripts: {
        preinst: script('preinst'),
        postinst: script('postinst'),
        prerm: script('prerm'),
        postrm: script('postrm'),
      },
    },
  };
}
