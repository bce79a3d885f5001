import { sleep } from '../../e2e/lab/command.ts';
import { kubernetes } from '../../e2e/lab/kubernetes/start.ts';
import { type Lab, startLab } from '../../e2e/lab/lab.ts';
import { Cluster, echoDeployment } from '../../e2e/tests/cluster.ts';
import { type Peer, startPeer } from '../machine/peer.ts';
import type { Answer, Kind, Life, Order } from './protocol.ts';
import { APP } from './services.ts';

/** A whole site with a cluster, and a user of it on the client's host. */
export interface ServiceSite {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly user: Peer<Order, Answer>;
  /** Addresses. */
  readonly nodes: readonly string[];
  readonly pods: readonly string[];
}

/** Room for 5,000 Services with a NodePort and an address each. */
const NODE_PORTS = '20000-32767';
const RANGES = ['10.9.128.0-10.9.160.255'];
/** As many calls under way as make this API server busy. */
export const AT_ONCE = 8;

/** Resolves when pods answer; whoever calls takes `lab` down. */
export async function startServiceSite(name: string): Promise<ServiceSite> {
  const lab = await startLab({
    name: `${name}-${process.pid}`,
    nodes: 2,
    vipRanges: RANGES,
    kubernetes: kubernetes({ apiServerFlags: [`--service-node-port-range=${NODE_PORTS}`] }),
  });
  try {
    const cluster = new Cluster(lab);
    await cluster.apply(echoDeployment(APP, 2));
    await cluster.rolledOut(APP);
    const pods = JSON.parse(await cluster.kubectl(['get', 'pods', '-l', `app=${APP}`, '-o', 'json'])) as Pods;
    return {
      lab,
      cluster,
      user: await startUser(lab),
      nodes: lab.site.nodes.map(({ address }) => address),
      pods: pods.items.map(({ status }) => status.podIP),
    };
  } catch (error) {
    await lab.down();
    throw error;
  }
}

interface Pods {
  readonly items: readonly { readonly status: { readonly podIP: string } }[];
}

async function startUser(lab: Lab): Promise<Peer<Order, Answer>> {
  const { client, control, cluster, nodes } = lab.site;
  const directory = '/etc/bench';
  for (const file of ['token', 'ca.crt']) {
    const text = await lab.readFile(nodes[0]!.name, `/etc/kubernetes/${file}`);
    await lab.writeFile(client.name, `${directory}/${file}`, text, 0o600);
  }
  // prettier-ignore
  return startPeer<Order, Answer>(lab, client.name, [
    `${import.meta.dirname}/user.ts`,
    '--server', `https://${control.address}:${cluster.port}`,
    '--token-file', `/run/lab/${client.name}${directory}/token`,
    '--ca-file', `/run/lab/${client.name}${directory}/ca.crt`,
  ]);
}

/** So many Services without pods, each with an address when this resolves. */
export async function fill({ user }: Pick<ServiceSite, 'user'>, names: readonly string[]): Promise<void> {
  await user.ask({ order: 'create', names, kind: 'bare', atOnce: AT_ONCE, until: 'address' });
}

/** How many Services to make one after the other, and of which kind. */
export interface Row {
  readonly name: string;
  readonly count: number;
  readonly kind: Kind;
  readonly until: 'own-address' | 'address' | 'answer';
  readonly nodes?: readonly string[];
}

/** Long enough for what one Service set going to be over before the next. */
export const PAUSE_MS = 150;

/** One after the other, then removed. */
export async function oneByOne({ user }: Pick<ServiceSite, 'user'>, row: Row): Promise<Life[]> {
  const { name, count, ...rest } = row;
  const names = numbered(name, count);
  const lives: Life[] = [];
  for (const each of names) {
    lives.push(...(await user.ask({ order: 'create', names: [each], atOnce: 1, ...rest })).services);
    await sleep(PAUSE_MS);
  }
  await user.ask({ order: 'remove', names, atOnce: AT_ONCE });
  return lives;
}

/** For example web-0, web-1. */
export function numbered(name: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${from + index}`);
}
