import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Kubernetes, Lab } from '../lab.ts';
import { NODE_FLAGS } from '../../../tools/build.ts';
import { ADMIN_SOCKET, pkiDirectory } from '../site/apps.ts';
import type { Assembly } from '../site/assemble.ts';
import type { ContainerImages } from './container-image.ts';
import { ensureKubernetes } from './binaries.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { startNodes } from './nodes.ts';

export interface KubernetesOptions {
  /** nftables unless given. */
  readonly proxyMode?: 'nftables' | 'iptables';
  /** Images whose containers are run; for all others stands the echo program. */
  readonly images?: ContainerImages;
  /** Replicas of our controller, 1 unless given, 0: nor what it needs in the cluster; named controller-1 and so on. */
  readonly controllers?: number;
  /** Started again when they end, as their Deployment would; false unless given. */
  readonly restartControllers?: boolean;
  /** Where the controllers find the API server: a port of its host where something stands before it. */
  readonly apiPort?: number;
  /** More flags for the API server. */
  readonly apiServerFlags?: readonly string[];
}

const CONTROLLER_USER = 'system:serviceaccount:fairlead-system:fairlead-controller';
const NAMESPACE = 'fairlead-system';
const METRICS_PORT = 7440;

/** For `startLab({ kubernetes })`: a real control plane and real kube-proxies on the site's hosts, and our controller. */
export function kubernetes(options: KubernetesOptions = {}): (lab: Lab, assembly: Assembly) => Promise<Kubernetes> {
  return async (lab, assembly) => {
    const { site, onProgress, programs } = assembly;
    const { bin } = await ensureKubernetes();
    onProgress('starting etcd, kube-apiserver and kube-controller-manager');
    const plane = await startControlPlane(lab, {
      host: site.control.name,
      address: site.control.address,
      serviceCidr: both(site.cluster.serviceCidr, site.cluster.ipv6?.serviceCidr),
      podCidr: both(site.cluster.podCidr, site.cluster.ipv6?.podCidr),
      bin,
      apiServerFlags: options.apiServerFlags ?? [],
    });
    onProgress(`starting kubelet and kube-proxy on ${site.nodes.map(({ name }) => name).join(', ')}`);
    await startNodes(lab, plane, {
      nodes: site.nodes.map(({ name, address, address6, podCidr, podCidr6 }) => ({
        host: name,
        addresses: both(address, address6),
        podPrefixes: both(podCidr.split('.').slice(0, 3).join('.'), podCidr6?.replace(/::.*/, '')),
      })),
      controlHost: site.control.name,
      podCidr: both(site.cluster.podCidr, site.cluster.ipv6?.podCidr),
      proxyMode: options.proxyMode ?? 'nftables',
      bin,
      echo: programs.echo,
      images: options.images ?? {},
    });
    const kubeconfig = join(lab.directory, 'kubeconfig');
    writeFileSync(kubeconfig, plane.kubeconfig('admin', `https://127.0.0.1:${lab.ports['kubernetes']}`), {
      mode: 0o600,
    });
    if (options.controllers !== 0) {
      onProgress('starting the controller');
      await startControllers({ lab, assembly, plane, bin }, options);
    }
    return { kubeconfig, bin };
  };
}

/** As Kubernetes wants what may be of one family or of both. */
function both(ipv4: string, ipv6: string | undefined): string {
  return ipv6 === undefined ? ipv4 : `${ipv4},${ipv6}`;
}

interface Parts {
  readonly lab: Lab;
  readonly assembly: Assembly;
  readonly plane: ControlPlane;
  readonly bin: string;
}

async function startControllers(parts: Parts, options: KubernetesOptions): Promise<void> {
  const { lab, assembly, plane, bin } = parts;
  const host = assembly.site.control.name;
  const manifest = readFileSync(resolve(import.meta.dirname, '../../../apps/controller/rbac.yaml'), 'utf8');
  const kubectl = [`${bin}/kubectl`, `--kubeconfig=/run/lab/${host}/etc/kubernetes/admin.kubeconfig`];
  await lab.must(host, [...kubectl, 'apply', '-f', '-'], { stdin: manifest });
  const { apiPort = assembly.site.cluster.port, controllers = 1, restartControllers = false } = options;
  const kubeconfig = plane.kubeconfig(CONTROLLER_USER, `https://${assembly.site.control.address}:${apiPort}`);
  await lab.writeFile(host, '/etc/fairlead/controller.kubeconfig', kubeconfig, 0o600);
  await Promise.all(
    Array.from({ length: controllers }, (_, index) => startController(parts, index, restartControllers)),
  );
}

async function startController({ lab, assembly }: Parts, index: number, restart: boolean): Promise<void> {
  const { site, apps } = assembly;
  const host = site.control.name;
  const name = `controller-${index + 1}`;
  const admin = [process.execPath, apps.fairlead, '--socket', ADMIN_SOCKET];
  const token = await lab.must(site.cloudagent.name, [...admin, 'tokens', 'create', 'controller', site.cluster.name]);
  const tokenFile = `/etc/fairlead/${name}.token`;
  await lab.writeFile(host, tokenFile, token, 0o600);
  const metrics = `${site.control.address}:${METRICS_PORT + index}`;
  await lab.run({
    host,
    name,
    argv: [
      process.execPath,
      ...NODE_FLAGS.controller,
      apps.controller,
      `--cluster=${site.cluster.name}`,
      `--pki-dir=${pkiDirectory(host)}-${index + 1}`,
      `--join-token-file=/run/lab/${host}${tokenFile}`,
      `--kubeconfig=/run/lab/${host}/etc/fairlead/controller.kubeconfig`,
      '--default-class',
      `--lease-namespace=${NAMESPACE}`,
      `--identity=${name}`,
      `--metrics-listen=${metrics}`,
    ],
    restart,
    ready: { kind: 'http', url: `http://${metrics}/healthz` },
  });
}
