import type { Lab } from '../lab/lab.ts';
import { type ContainerPort, deployment, HTTP_PORT } from './cluster.ts';

/** A Deployment of echo programs that answer datagrams and greet connections on port 5353. */
export function dnsDeployment(name: string, replicas: number, nodeSelector: Record<string, string> = {}): unknown {
  const ports: readonly ContainerPort[] = [
    HTTP_PORT,
    { name: 'tcp-dns', containerPort: 5353 },
    { name: 'dns', containerPort: 5353, protocol: 'UDP' },
  ];
  return deployment(name, { replicas, nodeSelector, ports });
}

/** The table that forwards UDP on a machine, without what is in its sets and maps; empty: there is none. */
export async function udpTables(lab: Lab, machine: string): Promise<string> {
  const listed = await lab.exec(machine, ['nft', '-t', 'list', 'table', 'inet', 'fairlead_udp']);
  return listed.code === 0 ? listed.stdout : '';
}

/** Whether a machine passes on packets that are not for it: `1` or `0`. */
export async function routerSetting(lab: Lab, machine: string): Promise<string> {
  return (await lab.must(machine, ['cat', '/proc/sys/net/ipv4/ip_forward'])).trim();
}

/** Addresses of the backends that a machine sends flows of an address and port to. */
export async function connectedFlows(lab: Lab, machine: string, address: string, port: number): Promise<string[]> {
  const argv = ['conntrack', '-L', '-p', 'udp', '--orig-dst', address, '--orig-port-dst', String(port)];
  const { stdout } = await lab.exec(machine, argv);
  const answers = [...stdout.matchAll(/dport=\d+ .*?src=(\S+) dst=\S+ sport=\d+ dport=\d+/g)].map(([, from]) => from!);
  return [...new Set(answers)].sort();
}
