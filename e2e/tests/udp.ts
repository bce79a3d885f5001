import type { Lab } from '../lab/lab.ts';
import { type ContainerPort, deployment, HTTP_PORT } from './cluster.ts';
import { tracesOf } from './traces.ts';

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

/** What of an address, and of anything that serves UDP, is still on these machines; a line each. */
export async function leftOfUdp(lab: Lab, machines: readonly string[], address: string): Promise<string[]> {
  const left = await Promise.all(
    machines.map(async (machine) => [
      ...(await tracesOf(lab, machine, address)),
      await udpTables(lab, machine),
      (await routerSetting(lab, machine)) === '0' ? '' : 'it passes packets on',
    ]),
  );
  return left.flat().filter((what) => what !== '');
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

/** Where a machine sends new flows for an address and port, each once, in order: `10.9.2.1:30053`. None when it does not serve it. */
export async function destinations(lab: Lab, machine: string, address: string, port: number): Promise<string[]> {
  const name = `udp_${address.replaceAll(':', '-')}_${port}`;
  const { stdout } = await lab.exec(machine, ['nft', 'list', 'map', 'inet', 'fairlead_udp', name]);
  const found = [...stdout.matchAll(/ : (\S+) \. (\d+)/g)].map(([, to, at]) => `${to}:${at}`);
  return [...new Set(found)].sort();
}

/** A datagram from a new port of `from`, and who answered it; an empty name: nobody did within a second. */
export interface Asked {
  readonly from: string;
  readonly name: string;
  /** The address that the answerer saw. */
  readonly saw: string;
}

/** Asks once from each of these addresses of the client's host, all at once. */
export async function ask(lab: Lab, address: string, port: number, from: readonly string[]): Promise<Asked[]> {
  const argv = [process.execPath, '-e', ASK, JSON.stringify({ address, port, from })];
  return JSON.parse(await lab.must('client', argv)) as Asked[];
}

const ASK = `
const { createSocket } = require('node:dgram');
const { address, port, from } = JSON.parse(process.argv[1]);
const one = (from) => new Promise((resolve) => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const done = (name, saw) => { socket.close(); resolve({ from, name, saw }); };
  const timer = setTimeout(() => done('', ''), 1000);
  socket.on('error', () => undefined).on('message', (message) => {
    clearTimeout(timer);
    const [, name, saw] = /^(\\S+) saw (\\S+):\\d+: /.exec(String(message));
    done(name, saw);
  });
  socket.bind({ address: from }, () => socket.connect(port, address, () => socket.send('?')));
});
Promise.all(from.map(one)).then((all) => console.log(JSON.stringify(all)));
`;
