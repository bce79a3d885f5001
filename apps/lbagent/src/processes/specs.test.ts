import { expect, it } from 'vitest';
import { haproxySpec, keepalivedSpec } from './specs.ts';

it('runs both programs in the foreground, with every path given', () => {
  const haproxy = haproxySpec({ binary: '/bin/haproxy', config: '/c.cfg', masterSocket: '/m.sock', pidFile: '/h.pid' });
  expect(haproxy.argv).toEqual(['/bin/haproxy', '-W', '-S', '/m.sock', '-f', '/c.cfg', '-p', '/h.pid']);
  const paths = { config: '/k.conf', directory: '/var/lib/vrrp', runDirectory: '/run/lbagent' };
  expect(keepalivedSpec({ binary: '/bin/keepalived', paths }).argv).toEqual([
    '/bin/keepalived',
    '--dont-fork',
    '--log-console',
    '--log-detail',
    '--vrrp',
    '--use-file=/k.conf',
    '--pid=/run/lbagent/keepalived.pid',
    '--vrrp_pid=/run/lbagent/keepalived-vrrp.pid',
  ]);
});
