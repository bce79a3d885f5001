import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildApps, buildPrograms } from '../../tools/build.ts';

/** Runs commands of the lab's command line in one shell, as a user who is not root. */
function asOrdinaryUser(script: string): { code: number | null; stdout: string; stderr: string } {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, 'bin'));
  spawnSync('chown', ['-R', '65534', home]);
  const cli = `lab() { ${process.execPath} ${join(import.meta.dirname, 'cli.ts')} "$@"; }\ntrap 'lab down mine 2>/dev/null || true' EXIT\n`;
  const shell = ['sh', '-ec', cli + script];
  const argv =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...shell] : shell;
  const env = { PATH: '/usr/bin:/bin', HOME: home, TMPDIR: home };
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', env });
  return { code: status, stdout, stderr };
}

test('an ordinary user has a whole site by the command line: served, cut, healed, and gone', async () => {
  await buildApps();
  await buildPrograms();
  const { code, stdout, stderr } = asOrdinaryUser(`
    lab up mine --without-kubernetes --nodes 2
    lab list
    eval "$(lab env mine)"
    fairlead get loadbalancer web
    vip=$(fairlead get loadbalancer web -o json | sed -n 's/.*"\\(10\\.9\\.100\\.[0-9]*\\)".*/\\1/p' | head -1)
    lab-curl -sf -m 2 "http://$vip/"
    for machine in lb-1 lb-2; do
      if lab exec mine $machine -- ip -o address | grep -q " $vip/"; then owner=$machine; break; fi
    done
    lab cut mine $owner
    sleep 2
    lab-curl -sf -m 2 "http://$vip/" >/dev/null && echo "served while $owner is cut"
    lab heal mine $owner
    lab kill mine cloudagent cloudagent
    lab list mine | grep cloudagent
    lab start mine cloudagent cloudagent
    lab logs mine cloudagent | grep -c 'cloudagent/cloudagent: {' | sed 's/^[1-9][0-9]*$/logs/'
    lab exec mine client -- sh -c 'exit 7' || echo "code $?"
    lab exec mine nowhere -- true || true
    lab down mine
    lab list
    echo "left: $(ls "$TMPDIR"/fairlead-labs-*)"`);
  expect(stderr).toContain('lab mine is up after');
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /^mine\nNAME [^]*web [^]*Serving\nnode-\d saw 10\.9\.1\.\d:\d+\nserved while lb-\d is cut\ncloudagent .*\(ended: signal SIGKILL\)\nlogs\ncode 7\nleft: \n$/,
    ) as string,
  });
  expect(stderr).toContain('there is no host nowhere');
  expect(existsSync('/run/lab')).toBe(false);
}, 180_000);
