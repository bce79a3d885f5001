import { describe, expect, it } from 'vitest';
import { renderCheckScript, renderNotifyScript } from './scripts.ts';

const paths = { config: '/etc/keepalived.conf', directory: '/var/lib/lbagent/vrrp', runDirectory: '/run/lbagent' };
const programs = { ip: '/usr/sbin/ip', flock: '/usr/bin/flock', arping: '/usr/sbin/arping' };

describe('the scripts', () => {
  it('stand in the golden files', async () => {
    await expect(renderNotifyScript(paths, programs)).toMatchFileSnapshot('golden/notify.sh');
    await expect(renderCheckScript(5001)).toMatchFileSnapshot('golden/check-haproxy.sh');
  });

  it('are refused for a port that is none', () => {
    for (const port of [0, 65_536, 1.5, Number.NaN]) expect(() => renderCheckScript(port)).toThrow('is not a port');
  });
});
