import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

export const WEB_AND_LINES = {
  ports: [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'lines', port: 9000, targetPort: 'tcp-lines' },
  ],
};

/** A lab, and who serves its Services of echo programs, as a client and as HAProxy see it. */
export interface Served extends ReturnType<typeof observeServed> {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly prober: Prober;
}

/**
 * A lab whose machines have routes to the pods and drain for four seconds, with the Deployment `web` of three pods.
 * End it by `lab.down`.
 */
export async function startServed(name: string): Promise<Served> {
  const site = { drainTimeout: '4s', podRoutes: 'static' };
  const lab = await startLab({ name: `${name}-${process.pid}`, kubernetes: kubernetes(), cluster: site });
  try {
    const cluster = new Cluster(lab);
    const prober = await lab.startProber();
    await cluster.apply(echoDeployment('web', 3));
    await cluster.rolledOut('web');
    return { lab, cluster, prober, ...observeServed(lab, cluster) };
  } catch (error) {
    await lab.down();
    throw error;
  }
}

function observeServed(lab: Lab, cluster: Cluster) {
  /** By its name and the address that it saw: which pod answers now, and through which node. */
  async function answer(address: string): Promise<{ pod: string; saw: string }> {
    const said = await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
    const [, pod, saw] = /^(\S+) saw ([\d.]+):/.exec(said)!;
    return { pod: pod!, saw: saw! };
  }

  /** Servers of a Service's first port that get connections, on every machine, as HAProxy has them in its file. */
  async function targets(name: string): Promise<string[]> {
    const address = await cluster.address(name);
    const { spec } = await cluster.service(name);
    const all = new Set<string>();
    for (const machine of lab.site.machines) {
      const config = await lab.readFile(machine.name, '/etc/haproxy/haproxy.cfg');
      const block = config.split(`backend backend_${address}_${spec.ports[0]!.port}\n`)[1]!.split('\nbackend')[0]!;
      for (const [, target] of block.matchAll(/^ {4}server \S+ (\S+)/gm)) all.add(target!);
    }
    return [...all].sort();
  }

  /** Names of the nodes among these targets. */
  async function nodes(name: string): Promise<string[]> {
    const addresses = (await targets(name)).map((target) => target.split(':')[0]!);
    return lab.site.nodes.filter(({ address }) => addresses.includes(address)).map((node) => node.name);
  }

  /** Those that they are in the end; they are to be `expected`. */
  async function untilNodes(name: string, expected: readonly string[]): Promise<readonly string[]> {
    return eventually(async () => {
      const now = await nodes(name);
      if (now.join() !== expected.join())
        throw new Error(`${name} is served by ${now.join()}, not by ${expected.join()}`);
      return now;
    });
  }

  /** A Service that a client is served by. */
  async function serve(name: string, app: string, spec: Record<string, unknown> = {}): Promise<string> {
    await cluster.apply(loadBalancerService(name, app, { ...WEB_AND_LINES, ...spec }));
    const address = await cluster.address(name);
    await eventually(() => answer(address));
    return address;
  }

  return { answer, targets, untilNodes, serve };
}
