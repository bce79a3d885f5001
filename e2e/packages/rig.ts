import { ensureImage, type Release } from '../lab/booted/image.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { ownersOf } from '../tests/machines.ts';

/** Machines that boot, with nothing of ours on them, and a cluster that waits for them. */
export interface Rig {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly prober: Prober;
  /** Names of the LB machines. */
  readonly machines: readonly string[];
}

export async function startRig(release: Release): Promise<Rig> {
  const machinesBoot = await ensureImage({ release });
  const lab = await startLab({ name: `packages-${release}-${process.pid}`, machinesBoot, kubernetes: kubernetes() });
  try {
    const cluster = new Cluster(lab);
    await cluster.apply(echoDeployment('web', 3));
    await cluster.rolledOut('web');
    const prober = await lab.startProber();
    return { lab, cluster, prober, machines: lab.site.machines.map(({ name }) => name) };
  } catch (error) {
    await lab.down();
    throw error;
  }
}

/** A Service with port 80 for HTTP and 9000 for lines, as soon as it has an address. */
export async function serve({ cluster }: Rig, name: string): Promise<string> {
  const ports = [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'lines', port: 9000, targetPort: 'tcp-lines' },
  ];
  await cluster.apply(loadBalancerService(name, 'web', { ports }));
  return cluster.address(name, 60);
}

/** The one machine that has the address, as soon as there is exactly one. */
export function oneOwner({ lab }: Rig, address: string): Promise<string> {
  if (address === '') throw new Error('there is no address to look for: see the first failure');
  return eventually(async () => {
    const owners = await ownersOf(lab, address);
    if (owners.length !== 1) throw new Error(`${address} is held by ${owners.join(' and ') || 'nobody'}`);
    return owners[0]!;
  }, 20);
}

/** Returns when a client gets an answer there. */
export function answers({ lab }: Rig, address: string, seconds = 30): Promise<string> {
  if (address === '') throw new Error('there is no address to ask: see the first failure');
  return eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}/`]), seconds);
}

/** Returns when the site has heard from the machine that it does what it is told. */
export function ready({ lab }: Rig, name: string): Promise<void> {
  return eventually(async () => {
    const screen = await lab.fairlead(['get', 'machines', '-o', 'wide']);
    if (!new RegExp(`^${name} .* Ready `, 'm').test(screen)) throw new Error(`${name} is not ready: ${screen}`);
  }, 30);
}
