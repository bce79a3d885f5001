import { address, type Node, type Port } from '@fairlead/model';
import { createHealthBoard, createLogger, createMetrics, type Registry } from '@fairlead/telemetry';
import type { NamedConfig } from '../config.ts';
import { type Machine, startMachine } from '../machine.ts';
import type { MachinePrograms } from '../programs.ts';
import { programPath } from '../processes/namespace.fixture.ts';
import { createNetwork, type Network, nodeProgram, clientProgram, type Peer } from './network.fixture.ts';
import type { Answer } from './client.fixture.ts';
import { node as exampleNode, nodePort as examplePort } from './example.ts';

export function runConfig(change: Partial<NamedConfig> = {}): NamedConfig {
  return {
    name: 'lb-1',
    listen: '127.0.0.1:0',
    pkiDir: '/run/lb/pki',
    stateDir: '/run/lb/state',
    runDir: '/run/lb/run',
    haproxyConfig: '/run/lb/etc/haproxy/haproxy.cfg',
    keepalivedConfig: '/run/lb/etc/keepalived/keepalived.conf',
    processes: 'child',
    metricsListen: '127.0.0.1:0',
    logLevel: 'warn',
    haproxySocket: '/run/lb/run/haproxy.sock',
    haproxyMasterSocket: '/run/lb/run/haproxy-master.sock',
    catchPort: 5000,
    healthPort: 5001,
    peersPort: 7432,
    slots: 64,
    drainSeconds: 2,
    keepalivedScripts: 'auto',
    binaries: { haproxy: 'haproxy', keepalived: 'keepalived', nft: 'nft', ip: 'ip' },
    ...change,
  };
}

export async function launch(
  config: NamedConfig,
  others: Partial<MachinePrograms> = {},
): Promise<{ machine: Machine; registry: Registry }> {
  const registry = createMetrics({ component: 'lbagent', version: 'test' });
  const machine = await startMachine({
    config,
    programs: {
      haproxy: programPath('haproxy'),
      keepalived: programPath('keepalived'),
      nft: programPath('nft'),
      ip: programPath('ip'),
      flock: programPath('flock'),
      setpriv: programPath('setpriv'),
      systemctl: 'systemctl',
      ...others,
    },
    log: createLogger({ component: 'lbagent', level: config.logLevel, destination: process.stderr }),
    health: createHealthBoard(),
    registry,
  });
  return { machine, registry };
}

/** `node-INDEX`, where {@link createSite} has it. */
export function node(index: number, change: Partial<Node> = {}): Node {
  return exampleNode(`node-${index}`, { addresses: [address(`10.9.0.${20 + index}`)], ...change });
}

export function tcpPort(port: number, nodePort: number, change: Partial<Port> = {}): Port {
  return examplePort(port, { target: { kind: 'node-port', nodePort, nodes: 'all' }, ...change });
}

/** A client and three nodes behind a machine's eth0; each node serves NodePort 30080 and answers healthz. */
export async function createSite(): Promise<{ network: Network; client: Peer; nodes: readonly Peer[] }> {
  const names = ['node-1', 'node-2', 'node-3'];
  const hosts = Object.fromEntries(names.map((name, index) => [name, `10.9.0.${21 + index}`]));
  const network = await createNetwork({ client: '10.9.0.200', ...hosts });
  const client = await network.start('client', clientProgram());
  const nodes = await Promise.all(names.map((name) => network.start(name, nodeProgram(name))));
  for (const each of nodes) {
    await each.ask({ serve: 30080 });
    await each.ask({ health: 10256 });
  }
  return { network, client, nodes };
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function get(client: Peer, vip: string, port: number): Promise<Answer> {
  return (await client.ask({ get: [vip, port] })) as Answer;
}
