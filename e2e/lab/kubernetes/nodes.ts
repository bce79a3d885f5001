import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machines } from '../machines.ts';
import type { ContainerImages } from './container-image.ts';
import type { ControlPlane, User } from './control-plane.ts';

export interface KubeNode {
  readonly host: string;
  /** One, or one of each family, separated by a comma. */
  readonly addresses: string;
  /** How its Pods' addresses begin: "10.200.1", and "10.200.1,fd10:0:0:1" with two families. */
  readonly podPrefixes: string;
}

export interface NodesOptions {
  readonly nodes: readonly KubeNode[];
  readonly controlHost: string;
  readonly podCidr: string;
  readonly proxyMode: 'nftables' | 'iptables';
  readonly bin: string;
  /** The echo program. */
  readonly echo: string;
  /** Images whose containers are run; for all others stands the echo program. */
  readonly images: ContainerImages;
}

const DIRECTORY = '/etc/kubernetes';

/** Starts scheduler, kubelets and kube-proxies; returns when every node is ready and proxies. */
export async function startNodes(machines: Machines, plane: ControlPlane, options: NodesOptions): Promise<void> {
  const program = (file: string) => [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    `${import.meta.dirname}/${file}`,
  ];
  const images = join(machines.directory, 'images.json');
  writeFileSync(images, JSON.stringify(options.images));
  await writeAccess(machines, plane, options.controlHost, 'scheduler');
  await machines.run({
    host: options.controlHost,
    name: 'scheduler',
    restart: true,
    argv: [...program('scheduler.ts'), ...accessOf(plane, options.controlHost)],
  });
  await Promise.all(
    options.nodes.map(async (node) => {
      await writeAccess(machines, plane, node.host, 'kubelet');
      await machines.run({
        host: node.host,
        name: 'kubelet',
        restart: true,
        argv: [
          ...program('kubelet.ts'),
          ...accessOf(plane, node.host),
          `--node=${node.host}`,
          `--addresses=${node.addresses}`,
          `--pod-prefixes=${node.podPrefixes}`,
          `--control-socket=${machines.directory}/control.sock`,
          `--echo=${options.echo}`,
          `--images=${images}`,
          `--volumes=${join(machines.directory, 'volumes')}`,
        ],
      });
      await startProxy(machines, plane, node, options);
    }),
  );
}

async function startProxy(
  machines: Machines,
  plane: ControlPlane,
  node: KubeNode,
  options: NodesOptions,
): Promise<void> {
  const disk = `/run/lab/${node.host}`;
  await machines.writeFile(node.host, `${DIRECTORY}/kube-proxy.kubeconfig`, plane.kubeconfig('kube-proxy'), 0o600);
  // The zeros keep it from writing conntrack limits, which a namespace may not change.
  const config = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ${options.proxyMode}
hostnameOverride: ${node.host}
clusterCIDR: ${options.podCidr}
healthzBindAddress: 0.0.0.0:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: ${disk}${DIRECTORY}/kube-proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`;
  await machines.writeFile(node.host, `${DIRECTORY}/kube-proxy.yaml`, config);
  await machines.run({
    host: node.host,
    name: 'kube-proxy',
    restart: true,
    readyTimeout: 60_000,
    ready: { kind: 'http', url: `http://${node.addresses.split(',')[0]}:10256/healthz` },
    argv: [`${options.bin}/kube-proxy`, `--config=${disk}${DIRECTORY}/kube-proxy.yaml`],
  });
}

async function writeAccess(machines: Machines, plane: ControlPlane, host: string, user: User): Promise<void> {
  await machines.writeFile(host, `${DIRECTORY}/token`, plane.tokens[user], 0o600);
  await machines.writeFile(host, `${DIRECTORY}/ca.crt`, plane.ca);
}

function accessOf(plane: ControlPlane, host: string): string[] {
  const directory = `/run/lab/${host}${DIRECTORY}`;
  return ['--server', plane.server, '--token-file', `${directory}/token`, '--ca-file', `${directory}/ca.crt`];
}
