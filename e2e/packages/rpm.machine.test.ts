import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { ensureImage } from '../lab/booted/image.ts';
import { must } from '../lab/command.ts';
import { openOfflineSystem, type OfflineSystem, ROOT } from './offline-system.ts';
import { buildStub, rpmEnvironment } from './rpm-tools.ts';

/** What ours require, of a distribution that has RPMs; the programs themselves are those of the disk. */
const OTHERS = [
  'keepalived',
  'nftables',
  'conntrack-tools',
  'iproute',
  'util-linux',
  'systemd',
  'glibc',
  'libstdc++',
  'libgcc',
];

let directory: string;
let environment: NodeJS.ProcessEnv;
let system: OfflineSystem;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-rpm-'));
  environment = await rpmEnvironment();
  const { image } = await ensureImage({ release: 'bookworm' });
  system = await openOfflineSystem(image);
  for (const name of OTHERS) await buildStub({ name, version: '300' }, join(directory, 'others'), environment);
  await buildStub({ name: 'bash', version: '5', provides: '/bin/sh' }, join(directory, 'others'), environment);
  const haproxy = (version: string, text: string) => ({
    name: 'haproxy',
    version,
    config: { '/etc/haproxy/haproxy.cfg': text },
  });
  await buildStub(haproxy('2.8', 'as haproxy 2.8 has it\n'), join(directory, 'old'), environment);
  await buildStub(haproxy('2.9', 'as haproxy 2.9 has it\n'), join(directory, 'new'), environment);
  await buildPackages({ formats: ['rpm'], version: '0.1.0', out: join(directory, 'old'), environment });
  await buildPackages({ formats: ['rpm'], version: '0.2.0', out: join(directory, 'new'), environment });
  for (const name of ['others', 'old', 'new']) {
    await must(['createrepo_c', '--quiet', join(directory, name)], { env: environment });
  }
  mkdirSync(join(directory, 'reposdir'));
  // A machine that has had haproxy for a while, from an RPM.
  await system.must('rm /etc/haproxy/haproxy.cfg');
  await dnf(['others', 'old'], 'install', 'haproxy', 'keepalived');
});

afterAll(async () => {
  await system?.close();
  rmSync(directory, { recursive: true });
});

async function dnf(repositories: readonly string[], ...args: readonly string[]): Promise<string> {
  const root = ['--assumeyes', '--installroot', ROOT, '--releasever=9', '--nogpgcheck'];
  const sources = repositories.map((name) => `--repofrompath=${name},file://${join(directory, name)}`);
  const options = root.concat(`--setopt=reposdir=${directory}/reposdir`, sources);
  return await system.beside(['dnf', ...options, ...args], environment);
}

/** Answers what the path is, in a line that reads as ls(1) says it. */
async function listed(path: string): Promise<string> {
  return (await system.must(`stat -c '%A %U:%G' ${path}`)).trim();
}

describe('the RPMs', () => {
  test('are installed with what they require, and own their files as root', async () => {
    await dnf(['others', 'old'], 'install', 'fairlead-lbagent', 'fairlead-cloudagent', 'fairlead');
    const query = await system.beside(['rpm', '--root', ROOT, '-qa', '--qf', '%{NAME} %{VERSION}\\n'], environment);
    expect(query.split('\n')).toEqual(
      expect.arrayContaining(['fairlead 0.1.0', 'fairlead-cloudagent 0.1.0', 'fairlead-lbagent 0.1.0', 'haproxy 2.8']),
    );
    expect(await listed('/usr/lib/fairlead/lbagent/node')).toBe('-rwxr-xr-x root:root');
    expect(await listed('/etc/lbagent/lbagent.env')).toBe('-rw-r--r-- root:root');
    expect(await system.must('lbagent --version; cloudagent --version; fairlead version --client')).toBe(
      '0.1.0\n0.1.0\nClient Version: 0.1.0\n',
    );
  });

  test('make users, and directories that are theirs alone', async () => {
    expect(await listed('/etc/lbagent/pki')).toBe('drwx------ lbagent:lbagent');
    expect(await listed('/var/lib/lbagent')).toBe('drwxr-x--- lbagent:lbagent');
    expect(await listed('/etc/fairlead/identity')).toBe('drwx------ fairlead:fairlead');
    expect(await system.must('getent passwd lbagent fairlead | cut -d: -f7 | sort -u')).toBe('/usr/sbin/nologin\n');
  });

  test('enable what is to start with the machine, and leave haproxy and keepalived to lbagent', async () => {
    const units = 'lbagent.service lbagent-units.socket cloudagent.service haproxy.service keepalived.service';
    const { stdout } = await system.run(`systemctl is-enabled ${units}`);
    expect(stdout.trim().split('\n')).toEqual(['enabled', 'enabled', 'enabled', 'disabled', 'disabled']);
  });

  test("put haproxy's own file aside", async () => {
    expect(await system.must('readlink /etc/haproxy/haproxy.cfg')).toBe('/var/lib/lbagent/haproxy/haproxy.cfg\n');
    expect(await system.must('cat /etc/haproxy/haproxy.cfg.distrib')).toBe('as haproxy 2.8 has it\n');
  });

  test('are upgraded, keep what was changed, and put the new default beside it', async () => {
    await system.must('echo changed >>/etc/lbagent/lbagent.env; echo secret >/etc/lbagent/pki/key');
    await system.must('systemctl disable cloudagent.service');
    await dnf(['others', 'new'], 'upgrade', 'fairlead-lbagent', 'fairlead-cloudagent', 'fairlead', 'haproxy');
    expect(await system.must('lbagent --version; cloudagent --version; fairlead version --client')).toBe(
      '0.2.0\n0.2.0\nClient Version: 0.2.0\n',
    );
    expect(await system.must('tail -n 1 /etc/lbagent/lbagent.env; cat /etc/lbagent/pki/key')).toBe('changed\nsecret\n');
    expect((await system.run('systemctl is-enabled cloudagent.service')).stdout).toBe('disabled\n');
    // haproxy's new file is its own affair.
    expect(await system.must('readlink /etc/haproxy/haproxy.cfg')).toBe('/var/lib/lbagent/haproxy/haproxy.cfg\n');
    expect(await system.must('cat /etc/haproxy/haproxy.cfg.rpmnew')).toBe('as haproxy 2.9 has it\n');
  });

  test('go, and leave what was made since, and haproxy as it was', async () => {
    await dnf(['others', 'new'], 'remove', 'fairlead-lbagent', 'fairlead-cloudagent', 'fairlead');
    expect(await system.must('cat /etc/haproxy/haproxy.cfg')).toBe('as haproxy 2.8 has it\n');
    expect((await system.run('systemctl is-enabled haproxy.service keepalived.service')).stdout).toBe(
      'enabled\nenabled\n',
    );
    const left = await system.must(
      "find / -xdev -path /proc -prune -o -iname '*lbagent*' -print -o -iname '*fairlead*' -print",
    );
    expect(left.trim().split('\n').sort()).toEqual([
      '/etc/fairlead',
      '/etc/lbagent',
      '/etc/lbagent/lbagent.env.rpmsave',
      '/var/lib/lbagent',
    ]);
    expect(await system.must('cat /etc/lbagent/pki/key; tail -n 1 /etc/lbagent/lbagent.env.rpmsave')).toBe(
      'secret\nchanged\n',
    );
  });
});
