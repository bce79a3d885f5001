import { basename } from 'node:path';
import type { Machines } from '../lab/machines.ts';
import { diskOf } from '../lab/protocol.ts';

/** What an operator does on a machine, as root. */

/** Where files are on a machine that somebody brought there. */
export const DOWNLOADS = '/var/tmp';

type Reached = Pick<Machines, 'must' | 'shutDown' | 'boot'>;

/** Puts a file of this system on the machine; returns where it is there. */
export async function copyTo(lab: Reached, machine: string, file: string): Promise<string> {
  const there = `${DOWNLOADS}/${basename(file)}`;
  await lab.must('wire', ['cp', file, `${diskOf(machine)}${there}`]);
  return there;
}

/** With what it depends on, as `apt` does for a file. Returns what was said. */
export async function install(lab: Reached, machine: string, deb: string): Promise<string> {
  const apt = ['apt-get', 'install', '--yes', '--no-install-recommends', '--allow-downgrades'];
  return lab.must(machine, ['env', 'DEBIAN_FRONTEND=noninteractive', ...apt, await copyTo(lab, machine, deb)], {
    timeout: 120_000,
  });
}

export async function remove(lab: Reached, machine: string, how: 'remove' | 'purge', name: string): Promise<string> {
  return lab.must(machine, ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', how, '--yes', name], {
    timeout: 120_000,
  });
}

export async function reboot(lab: Reached, machine: string): Promise<void> {
  await lab.shutDown(machine);
  await lab.boot(machine);
}

/** Of the units, those that are not active. */
export async function inactive(lab: Machines, machine: string, units: readonly string[]): Promise<string[]> {
  const { stdout } = await lab.exec(machine, ['systemctl', 'is-active', ...units]);
  const states = stdout.trim().split('\n');
  return units.flatMap((unit, index) => (states[index] === 'active' ? [] : [`${unit} is ${states[index]}`]));
}
