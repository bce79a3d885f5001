import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { diskOf } from '../lab/protocol.ts';
import { endpointsOf, splitEndpoint } from './endpoints.ts';
import type { Answer, MachineFacts, MachineInside, Observation, ServiceFacts, SiteFacts } from './observation.ts';
import { readMachine, type MachineText } from './read-machine.ts';
import { readServices } from './read-services.ts';
import { readSite, type StoredText } from './read-site.ts';

/**
 * Looks at the whole site from outside: what the cloudagent says and stores, what Services say, what each LB machine that
 * is up renders, runs and has in its kernel, and whether each address answers the client. Takes a second or two, so a
 * site that is changing may be seen half before and half after. Throws when cloudagent or API server do not answer.
 */
export async function observe(lab: Lab): Promise<Observation> {
  const [site, services, machines] = await Promise.all([lookAtSite(lab), lookAtServices(lab), lookAtMachines(lab)]);
  return { at: Date.now(), site, services, machines, answers: await askAll(lab, site) };
}

async function lookAtSite(lab: Lab): Promise<SiteFacts> {
  const [show, pools, sets, stored] = await Promise.all([
    lab.fairlead(['show', '-o', 'json']),
    lab.fairlead(['get', 'vippools', '-o', 'json']),
    lab.fairlead(['get', 'loadbalancersets', '-o', 'json']),
    lookInStore(lab),
  ]);
  return readSite({ show, pools, sets, stored });
}

async function lookInStore(lab: Lab): Promise<StoredText> {
  const { name } = lab.site.cloudagent;
  const file = `${diskOf(name)}/var/lib/fairlead/state/cloudagent.db`;
  return JSON.parse(await lab.must(name, program('store-program.ts', file))) as StoredText;
}

async function lookAtServices(lab: Lab): Promise<readonly ServiceFacts[] | undefined> {
  if (lab.kubernetes === undefined) return undefined;
  const { name } = lab.site.control;
  const kubectl = [`${lab.kubernetes.bin}/kubectl`, `--kubeconfig=${diskOf(name)}/etc/kubernetes/admin.kubeconfig`];
  return readServices(await lab.must(name, [...kubectl, 'get', 'services', '--all-namespaces', '-o', 'json']));
}

async function lookAtMachines(lab: Lab): Promise<MachineFacts[]> {
  const up = new Set((await lab.status()).filter((host) => host.up).map(({ name }) => name));
  return Promise.all(
    lab.site.machines.map(async ({ name, address, address6 }) => ({
      name,
      addresses: [address, ...(address6 === undefined ? [] : [address6])],
      inside: up.has(name) ? await lookInside(lab, name) : undefined,
    })),
  );
}

/** What one LB machine has, whether or not anybody else can reach it. */
export async function lookInside(lab: Pick<Lab, 'must'>, machine: string): Promise<MachineInside> {
  return readMachine(await textOf(lab, machine));
}

/** The same as it stands there, unread. */
export async function textOf(lab: Pick<Lab, 'must'>, machine: string): Promise<MachineText> {
  const argv = program('machine-program.ts', `${diskOf(machine)}/etc/haproxy`, '/run/fairlead');
  return JSON.parse(await lab.must(machine, argv)) as MachineText;
}

async function askAll(lab: Lab, { loadBalancers }: SiteFacts): Promise<Answer[]> {
  const endpoints = loadBalancers.flatMap((each) => endpointsOf(each).map(splitEndpoint));
  const stdin = JSON.stringify(endpoints);
  return JSON.parse(await lab.must(lab.site.client.name, program('ask-program.ts'), { stdin })) as Answer[];
}

function program(file: string, ...argv: string[]): string[] {
  return [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...argv];
}
