import { resolve } from 'node:path';
import { ensureHelm } from '../charts/helm-binary.ts';
import type { Lab } from '../lab/lab.ts';

const CHARTS = resolve(import.meta.dirname, '../../charts');

/**
 * Host "client" as an operator's desk: `fairlead`, `kubectl` with the cluster's administrator, `helm`, and the charts in
 * the current directory. Returns what runs a shell's lines there; throws unless the code is 0. Returns stdout.
 */
export async function openDesk(lab: Lab): Promise<(lines: string, stdin?: string) => Promise<string>> {
  const { name: host } = lab.site.client;
  const home = `/run/lab/${host}/home`;
  const kubeconfig = await lab.readFile(lab.site.control.name, '/etc/kubernetes/admin.kubeconfig');
  await lab.writeFile(host, '/home/.kube/config', kubeconfig, 0o600);
  const programs = {
    kubectl: `${lab.kubernetes!.bin}/kubectl`,
    helm: await ensureHelm(4),
    fairlead: `${process.execPath} ${lab.apps.fairlead}`,
  };
  for (const [name, command] of Object.entries(programs)) {
    await lab.writeFile(host, `/home/bin/${name}`, `#!/bin/sh\nexec ${command} "$@"\n`, 0o755);
  }
  await lab.must(host, ['ln', '-s', CHARTS, `${home}/charts`]);
  const shell = ['env', `HOME=${home}`, 'sh', '-euc', `cd "$HOME"; PATH="$HOME/bin:$PATH"; eval "$0"`];
  return (lines, stdin = '') => lab.must(host, [...shell, lines], { stdin, timeout: 180_000 });
}
