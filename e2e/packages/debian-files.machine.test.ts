import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { ensureImage, PACKAGE_FILES, type Release } from '../lab/booted/image.ts';
import { openOfflineSystem, type OfflineSystem, ROOT } from './offline-system.ts';

/**
 * How exposed each unit may be, in tenths of what `systemd-analyze security` counts: what it has, and a little for what
 * another systemd counts differently.
 */
const MOST_EXPOSED = { lbagent: 24, haproxy: 17, keepalived: 25, cloudagent: 15 };

// What dpkg and systemd make of the packages on a system that does not run.
let directory: string;
let built: readonly string[];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-debian-'));
  built = await buildPackages({ formats: ['deb'], only: ['lbagent', 'cloudagent'], out: directory });
});
afterAll(() => rmSync(directory, { recursive: true }));

describe.each<Release>(['bookworm', 'trixie'])('on Debian %s', (release) => {
  let system: OfflineSystem;
  let before: string;
  beforeAll(async () => {
    const { image } = await ensureImage({ release });
    system = await openOfflineSystem(image);
    before = await system.must('cat /etc/haproxy/haproxy.cfg');
    await system.beside(['cp', ...built, `${ROOT}/var/tmp/`]);
  });
  afterAll(async () => {
    await system?.close();
  });

  test('a disk that is full leaves everything as it was, and once there is room they are installed', async () => {
    await system.must('mkdir /usr/lib/fairlead && mount -t tmpfs -o size=4m none /usr/lib/fairlead');
    const { code, stderr } = await system.run('dpkg --install /var/tmp/fairlead-*.deb');
    expect([code, stderr]).toEqual([1, expect.stringContaining('No space left on device')]);
    expect(await system.must('cat /etc/haproxy/haproxy.cfg; dpkg-divert --list "*.cfg" "*.conf"')).toBe(before);
    await system.must('umount /usr/lib/fairlead && dpkg --install /var/tmp/fairlead-*.deb');
    expect(await system.must("dpkg-query --show --showformat='${db:Status-Status} ' 'fairlead-*'")).toBe(
      'installed installed ',
    );
  });

  test('haproxy.cfg and keepalived.conf lead to what lbagent writes', async () => {
    expect(await system.must('readlink /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf')).toBe(
      '/var/lib/lbagent/haproxy/haproxy.cfg\n/var/lib/lbagent/keepalived/keepalived.conf\n',
    );
    expect(await system.must('cat /etc/haproxy/haproxy.cfg.distrib')).toBe(before);
  });

  test('the units hold no word that this systemd does not know, and are hardened', async () => {
    const units = 'lbagent.service lbagent-units.socket haproxy.service keepalived.service cloudagent.service';
    const { stderr } = await system.run(`systemd-analyze --man=no verify ${units}`);
    expect(stderr.split('\n').filter((line) => /Unknown|Failed to parse|ignoring/i.test(line))).toEqual([]);
    for (const [unit, most] of Object.entries(MOST_EXPOSED)) {
      const judged = await system.run(`systemd-analyze security --offline=true --threshold=${most} ${unit}.service`);
      expect(`${unit}: ${judged.code} ${judged.stdout.split('\n').at(-2)}`).toMatch(/: 0 .*exposure level/);
    }
  });

  test('a newer haproxy with another haproxy.cfg asks nothing, and does not touch ours', async () => {
    await system.must(`set -e
      mkdir /var/tmp/newer && cd /var/tmp/newer
      dpkg-deb --raw-extract ${PACKAGE_FILES}/haproxy_*.deb tree
      echo '# newer' >>tree/etc/haproxy/haproxy.cfg
      sed -i 's/^\\(Version: .*\\)/\\1+newer1/' tree/DEBIAN/control
      rm -f tree/DEBIAN/md5sums
      dpkg-deb --root-owner-group --build tree newer.deb`);
    const upgraded = await system.run('dpkg --install /var/tmp/newer/newer.deb </dev/null');
    expect(upgraded.code).toBe(0);
    expect(upgraded.stdout + upgraded.stderr).not.toMatch(/Configuration file/);
    expect(await system.must('readlink /etc/haproxy/haproxy.cfg')).toBe('/var/lib/lbagent/haproxy/haproxy.cfg\n');
    expect(await system.must('tail -n 1 /etc/haproxy/haproxy.cfg.distrib')).toBe('# newer\n');
  });

  test('removed, it leaves certificate and settings; purged, nothing', async () => {
    await system.must('echo changed >>/etc/lbagent/lbagent.env; echo key >/etc/lbagent/pki/key');
    await system.must('dpkg --remove fairlead-lbagent fairlead-cloudagent');
    expect(await system.must('cat /etc/haproxy/haproxy.cfg')).toBe(`${before}# newer\n`);
    expect(await system.must('cat /etc/lbagent/pki/key; dpkg-divert --list "*haproxy*"')).toBe('key\n');
    const units = await system.run('systemctl is-enabled haproxy.service keepalived.service');
    expect(units.stdout).toBe('enabled\nenabled\n');
    await system.must('dpkg --purge fairlead-lbagent fairlead-cloudagent');
    await system.must('rm /var/tmp/fairlead-*.deb');
    const left = await system.must(
      "find / -xdev -path /proc -prune -o \\( -iname '*lbagent*' -o -iname '*fairlead*' \\) -print",
    );
    expect(left).toBe('');
    expect((await system.run('getent passwd lbagent fairlead; getent group lbagent fairlead')).stdout).toBe('');
  });
});
