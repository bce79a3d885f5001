import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { labsDirectory, livingLabs, ownerOf } from '../directories.ts';
import { openMachines, type Machines } from '../machines.ts';
import { ensureParts } from '../parts.ts';
import { ensureImage, type Release } from './image.ts';

const PATH = (await ensureParts()).bin;

describe.each<Release>(['bookworm', 'trixie'])('a machine that boots Debian %s', (release) => {
  let lab: Machines;
  beforeAll(async () => {
    const boots = await ensureImage({ release });
    lab = await openMachines({
      name: `t${process.pid}-${release}`,
      bound: true,
      wireAddress: '10.9.0.1/16',
      path: PATH,
    });
    await lab.addHost({ name: 'a', address: '10.9.1.1/16', boots });
  });
  afterAll(async () => {
    await lab?.down();
  });

  test('has systemd with every unit started, a name, an address and a journal', async () => {
    expect(await lab.must('a', ['cat', '/proc/1/comm'])).toBe('systemd\n');
    expect(await lab.must('a', ['systemctl', '--failed', '--no-legend'])).toBe('');
    expect(await lab.must('a', ['hostname'])).toBe('a\n');
    await lab.exec('wire', ['curl', '-s', '-m', '5', 'http://10.9.1.1/']);
    expect(await lab.must('wire', ['ip', 'neighbour', 'show', '10.9.1.1'])).toContain('lladdr 02:00:0a:09:01:01');
    await lab.must('a', ['logger', 'words of a test']);
    await expect.poll(() => lab.must('a', ['journalctl', '--output=cat'])).toContain('words of a test');
  });

  test('keeps its disk and nothing else when the power is cut', async () => {
    await lab.must('a', [
      'sh',
      '-c',
      'echo kept >/var/lib/kept && ip rule add fwmark 7 lookup 7 && nft add table inet t',
    ]);
    await lab.reboot('a');
    expect(await lab.readFile('a', '/var/lib/kept')).toBe('kept\n');
    expect(await lab.must('a', ['nft', 'list', 'tables'])).toBe('');
    expect(await lab.must('a', ['systemctl', '--failed', '--no-legend'])).toBe('');
    expect(await lab.must('a', ['ip', 'rule'])).not.toContain('lookup 7');
  });

  test('ends its units in order when it is shut down', async () => {
    const unit = '[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sh -c "echo told >/var/lib/told"\n';
    await lab.writeFile('a', '/etc/systemd/system/told.service', unit);
    await lab.must('a', ['systemctl', 'daemon-reload']);
    await lab.must('a', ['systemctl', 'start', 'told']);
    await lab.shutDown('a');
    expect(await lab.readFile('a', '/var/lib/told')).toBe('told\n');
    await lab.boot('a');
  });
});

test.each(['the program that started it', 'the gateway'])('%s is killed with -9: nothing is left', async (victim) => {
  const name = `t${process.pid}-killed`;
  const boots = await ensureImage({ release: 'bookworm' });
  const program = `
    const { openMachines } = await import(${JSON.stringify(join(import.meta.dirname, '../machines.ts'))});
    const lab = await openMachines({ name: '${name}', bound: true, wireAddress: '10.9.0.1/16', path: '${PATH}' });
    await lab.addHost({ name: 'a', address: '10.9.1.1/16', boots: ${JSON.stringify(boots)} });
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
  expect(groupsOf(name)).not.toEqual([]);
  process.kill(victim === 'the gateway' ? ownerOf(join(labsDirectory(), name))! : starter.pid!, 'SIGKILL');
  await expect
    .poll(() => livingLabs().includes(name) || existsSync(join(labsDirectory(), name)), { timeout: 10_000 })
    .toBe(false);
  expect(groupsOf(name)).toEqual([]);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(boots.image);
});

function groupsOf(lab: string): string[] {
  return globSync(`/sys/fs/cgroup/{,unified/}fairlead-lab-${lab}/**`);
}
