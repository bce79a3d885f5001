import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildPrograms } from '../../tools/build.ts';
import { sleep } from './command.ts';
import { labsDirectory, livingLabs, ownerOf } from './directories.ts';
import { openMachines, type Machines } from './machines.ts';
import { ensureParts } from './parts.ts';
import { startProber, type Prober } from './prober-client.ts';

const SYSTEM = `${(await ensureParts()).bin}:/usr/sbin:/usr/bin:/sbin:/bin`;
const open = (name: string) => openMachines({ name, bound: true, wireAddress: '10.9.0.1/16', path: SYSTEM });

describe('a lab of a client and two machines with an echo program', () => {
  let lab: Machines;
  let prober: Prober;

  beforeAll(async () => {
    const { echo } = await buildPrograms();
    lab = await open(`t${process.pid}-echo`);
    await lab.addHost({ name: 'client', address: '10.9.0.100/16' });
    for (const n of [1, 2]) {
      await lab.addHost({ name: `node-${n}`, address: `10.9.2.${n}/16`, sysctls: { 'net.ipv4.ip_forward': '1' } });
      await lab.run({
        host: `node-${n}`,
        name: 'echo',
        argv: [process.execPath, echo, '--name', `node-${n}`, '--http', '8080', '--tcp', '9000', '--udp', '9001'],
        ready: { kind: 'http', url: `http://10.9.2.${n}:8080/readyz` },
        boot: true,
      });
    }
    prober = await startProber(lab);
  });

  afterAll(async () => {
    await prober.close();
    await lab.down();
  });

  test('each machine answers with its name and the address that it saw', async () => {
    const answer = await lab.must('client', ['curl', '-s', 'http://10.9.2.1:8080/']);
    expect(answer).toMatch(/^node-1 saw 10\.9\.0\.100:\d+\n$/);
  });

  test('each machine sees its own network, name and /run, and all see one disk path of their own', async () => {
    expect(await lab.must('node-2', ['hostname'])).toBe('node-2\n');
    expect(await lab.must('node-2', ['ls', '/run/lab'])).toBe('node-2\n');
    await lab.writeFile('node-2', '/etc/app/secret', 'text', 0o600);
    expect(await lab.must('node-2', ['stat', '-c', '%a', '/run/lab/node-2/etc/app/secret'])).toBe('600\n');
    expect(await lab.readFile('node-2', '/etc/app/secret')).toBe('text');
    expect(existsSync('/run/lab')).toBe(false);
  });

  test('a cut machine is silent, does not even refuse, and is back when healed', async () => {
    const probe = prober.probe({ address: '10.9.2.1', port: 8080, httpPath: '/', deadlineMs: 300 });
    // Nobody listens there: the machine itself answers with a reset.
    const refused = prober.probe({ address: '10.9.2.1', port: 81, deadlineMs: 300 });
    await sleep(200);
    await lab.cut('node-1');
    await sleep(400);
    const whileCut = prober.probe({ address: '10.9.2.1', port: 81, deadlineMs: 100 });
    await sleep(200);
    expect((await whileCut.stop()).failures).toEqual({ timeout: expect.any(Number) as number });
    await lab.heal('node-1');
    await sleep(300);
    const report = await probe.stop();
    expect(report.outages.map(({ open }) => open)).toEqual([false]);
    expect(report.longestOutageMs).toBeGreaterThan(500);
    expect(report.longestOutageMs).toBeLessThan(1500);
    expect(report.failures).toEqual({ timeout: report.failed });
    expect(report.backends).toEqual({ 'node-1': report.ok });
    expect(Object.keys((await refused.stop()).failures)).toContain('ECONNREFUSED');
  });

  test('a killed process stays dead until it is started', async () => {
    await lab.kill('node-2', 'echo');
    await expect
      .poll(async () => (await lab.status()).find(({ name }) => name === 'node-2')?.processes[0])
      .toMatchObject({
        ended: 'signal SIGKILL',
      });
    expect((await lab.exec('client', ['curl', '-s', 'http://10.9.2.2:8080/'])).code).toBe(7);
    await lab.start('node-2', 'echo');
    expect(await lab.must('client', ['curl', '-s', 'http://10.9.2.2:8080/'])).toContain('node-2 saw');
  });

  test('a process is started with more in its environment for one life, not for the next', async () => {
    await lab.run({ host: 'node-1', name: 'teller', argv: ['sh', '-c', 'echo "told: $WORD"; exec sleep 1000'] });
    const said = async () => (await lab.logs('node-1')).find(({ name }) => name === 'teller')?.text.trim();
    await expect.poll(said).toBe('told:');
    await lab.kill('node-1', 'teller');
    await lab.start('node-1', 'teller', { WORD: 'once' });
    await expect.poll(said).toBe('told: \ntold: once');
    await lab.kill('node-1', 'teller');
    await lab.start('node-1', 'teller');
    await expect.poll(said).toBe('told: \ntold: once\ntold:');
    await lab.kill('node-1', 'teller');
  });

  test('a program nobody named is killed by its own name, on that host alone', async () => {
    const mine = lab.spawn('node-1', ['sleep', '1000']);
    const other = lab.spawn('node-2', ['sleep', '1000']);
    // A program bears its own name only once it has been executed, a moment after it was spawned.
    const killed = (host: string, signal?: 'TERM') => () => lab.kill(host, 'sleep', signal).catch(() => []);
    await expect.poll(killed('node-1', 'TERM'), { timeout: 2000 }).toHaveLength(1);
    expect(await mine.ended).toBe(143);
    await expect.poll(killed('node-2'), { timeout: 2000 }).toHaveLength(1);
    expect(await other.ended).toBe(137);
    await expect(lab.kill('node-1', 'nothing')).rejects.toThrow(/nothing does not run on node-1; there: .*echo/);
  });

  test('a rebooted machine has lost all but its disk, and starts what boots by itself', async () => {
    await lab.must('node-2', ['ip', 'address', 'add', '10.9.77.1/32', 'dev', 'eth0']);
    await lab.writeFile('node-2', '/var/lib/kept', 'kept');
    await lab.writeFile('node-2', '/run/lost', 'lost');
    const hold = prober.hold({ address: '10.9.2.2', port: 9000 });
    await expect.poll(async () => (await hold.report()).lines).toBeGreaterThan(0);
    await lab.reboot('node-2');
    expect(await lab.must('client', ['curl', '-s', 'http://10.9.2.2:8080/'])).toContain('node-2 saw');
    expect(await lab.must('node-2', ['ip', '-4', '-brief', 'address', 'show', 'dev', 'eth0'])).not.toContain(
      '10.9.77.1',
    );
    expect(await lab.readFile('node-2', '/var/lib/kept')).toBe('kept');
    await expect(lab.readFile('node-2', '/run/lost')).rejects.toThrow(/ENOENT/);
    await expect.poll(async () => (await hold.report()).broken.length, { timeout: 3000 }).toBe(1);
    await hold.stop();
  });

  test('a host behind another is reached through it alone', async () => {
    await lab.addHost({ name: 'pod-with-quite-a-long-name', address: '10.200.1.7', behind: 'node-1' });
    await lab.must('client', ['ip', 'route', 'replace', '10.200.1.0/24', 'via', '10.9.2.1']);
    const answer = lab.exec('pod-with-quite-a-long-name', ['curl', '-s', 'http://10.9.2.2:8080/']);
    // node-2 does not know the way back.
    expect((await Promise.race([answer, sleep(300)])) === undefined).toBe(true);
    await lab.must('node-2', ['ip', 'route', 'replace', '10.200.1.0/24', 'via', '10.9.2.1']);
    expect((await answer).stdout).toContain('node-2 saw 10.200.1.7');
    await lab.removeHost('pod-with-quite-a-long-name');
    expect((await lab.status()).map(({ name }) => name)).not.toContain('pod-with-quite-a-long-name');
  });

  test('what cannot be done is said in a sentence that names what there is', async () => {
    await expect(lab.exec('lb-7', ['true'])).rejects.toThrow('there is no host lb-7; there are client, node-1, node-2');
    await expect(lab.start('node-1', 'haproxy')).rejects.toThrow('node-1 has no process haproxy; it has echo');
    await expect(lab.kill('node-1', 'echo', 'LOUD')).rejects.toThrow('there is no signal LOUD');
    const failing = lab.run({
      host: 'client',
      name: 'bad',
      argv: ['sh', '-c', 'echo my reason >&2; exit 3'],
      ready: { kind: 'tcp', address: '10.9.0.100', port: 1 },
    });
    await expect(failing).rejects.toThrow(/bad on client ended with code 3[^]*my reason/);
    await expect(open(lab.name)).rejects.toThrow(`lab ${lab.name} is up already`);
  });

  test('orphans are reaped', async () => {
    await lab.must('node-1', ['sh', '-c', '(sleep 0.1 & exec true) & exit']);
    await sleep(300);
    expect(await lab.must('wire', ['ps', 'axo', 'stat='])).not.toContain('Z');
  });
});

test('down leaves nothing', async () => {
  const lab = await open(`t${process.pid}-down`);
  await lab.addHost({ name: 'a', address: '10.9.0.2/16' });
  const running = lab.spawn('a', ['sleep', '1000']);
  await lab.down();
  await expect(running.ended).rejects.toThrow('the lab is gone');
  expect(existsSync(lab.directory)).toBe(false);
  expect(livingLabs()).not.toContain(lab.name);
  await expect(lab.exec('a', ['true'])).rejects.toThrow('the lab is gone');
});

describe('whatever is killed with -9', () => {
  const victims = [
    'the gateway',
    'unshare',
    'the first process',
    'the supervisor',
    'the program that started it',
  ] as const;

  test.each(victims)('%s: nothing of the lab is left', async (victim) => {
    const name = `t${process.pid}-kill-${victims.indexOf(victim)}`;
    const program = `
      const { openMachines } = await import(${JSON.stringify(join(import.meta.dirname, 'machines.ts'))});
      const lab = await openMachines({ name: '${name}', bound: true, wireAddress: '10.9.0.1/16', path: '${SYSTEM}' });
      await lab.addHost({ name: 'a', address: '10.9.0.2/16' });
      await lab.run({ host: 'a', name: 'stubborn', argv: ['setsid', 'sh', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done'] });
      console.log('up');
      setInterval(() => {}, 1000);`;
    const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void starter.kill('SIGKILL'));
    await new Promise<void>((resolve, reject) => {
      starter.stdout.once('data', () => resolve());
      starter.once('exit', (code) => reject(new Error(`the starter ended with code ${code}`)));
    });
    const gateway = ownerOf(join(labsDirectory(), name))!;
    const unshare = childrenOf(gateway)[0]!;
    const first = childrenOf(unshare)[0]!;
    const supervisor = childrenOf(first)[0]!;
    const namespace = readlinkSync(`/proc/${first}/ns/pid_for_children`);
    await expect.poll(() => processesIn(namespace).length).toBeGreaterThanOrEqual(4);
    const pid = {
      'the gateway': gateway,
      unshare,
      'the first process': first,
      'the supervisor': supervisor,
      'the program that started it': starter.pid!,
    }[victim];
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => processesIn(namespace), { timeout: 5000 }).toEqual([]);
    await expect.poll(() => existsSync(`/proc/${gateway}`) && !isZombie(gateway), { timeout: 5000 }).toBe(false);
    expect(livingLabs()).not.toContain(name);
    expect(existsSync(join(labsDirectory(), name))).toBe(false);
  });
});

test('an ordinary user has a lab too', async () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const program = `
    const { openMachines } = await import(${JSON.stringify(join(import.meta.dirname, 'machines.ts'))});
    const { ensureParts } = await import(${JSON.stringify(join(import.meta.dirname, 'parts.ts'))});
    const { bin } = await ensureParts({ onProgress: () => {} });
    const lab = await openMachines({ name: 'rootless', bound: true, wireAddress: '10.9.0.1/16', path: bin });
    await lab.addHost({ name: 'a', address: '10.9.0.2/16' });
    await lab.addHost({ name: 'b', address: '10.9.0.3/16', sysctls: { 'net.ipv4.ip_forward': '1' } });
    await lab.run({ host: 'b', name: 'web', argv: [process.execPath, '-e', 'require("http").createServer((_, r) => r.end("hello")).listen(80)'], ready: { kind: 'tcp', address: '10.9.0.3', port: 80 } });
    console.log(process.getuid(), await lab.must('a', ['curl', '-s', 'http://10.9.0.3/']));
    await lab.must('b', ['nft', 'add table ip t']);
    await lab.must('b', ['haproxy', '-v']);
    await lab.down();`;
  const node = [process.execPath, '--input-type=module', '-e', program];
  const argv =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...node] : node;
  spawnSync('chown', ['65534', home]);
  const environment = { PATH: '/usr/bin:/bin', HOME: home, TMPDIR: home };
  const { stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), {
    encoding: 'utf8',
    env: environment,
  });
  expect(stdout + stderr).toMatch(/^\d+ hello\n$/);
  expect(stdout).not.toMatch(/^0 /);
});

function childrenOf(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
}

function processesIn(pidNamespace: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/ns/pid`) === pidNamespace && !isZombie(Number(entry));
    } catch {
      return false;
    }
  });
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
