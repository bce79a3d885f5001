import type { Lab } from '../lab/lab.ts';

/** A Deployment of echo programs that answer datagrams and greet connections on port 5353. */
export function dnsDeployment(name: string, replicas: number, nodeSelector: Record<string, string> = {}): unknown {
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'tcp-dns', containerPort: 5353 },
    { name: 'dns', containerPort: 5353, protocol: 'UDP' },
  ];
  const readinessProbe = { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 1 };
  const containers = [{ name: 'echo', image: 'echo', ports, readinessProbe }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { nodeSelector, terminationGracePeriodSeconds: 10, containers },
      },
    },
  };
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
