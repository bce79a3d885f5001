import { stringify } from 'yaml';
import { type Lab, startLab } from '../../e2e/lab/lab.ts';
import { eventually } from '../../e2e/tests/eventually.ts';
import { ownersOf } from '../../e2e/tests/machines.ts';
import type { Fault, Pair } from './pair.ts';

/** A site of two LB machines and static load balancers, each with an address of its own. */
export async function startFairleadSite(name: string, vips: number, advertInterval: string): Promise<Lab> {
  const lab = await startLab({ name, advertInterval, nodes: 2, vipRanges: RANGES, staticLoadBalancers: [] });
  try {
    const documents = Array.from({ length: vips }, (_, index) => stringify(loadBalancer(lab, index)));
    await lab.fairlead(['apply', '-f', '-'], { stdin: documents.join('---\n') });
    return lab;
  } catch (error) {
    await lab.down();
    throw error;
  }
}

const RANGES = ['10.9.100.1-10.9.107.254'];

function loadBalancer({ site }: Lab, index: number) {
  return {
    apiVersion: 'fairlead.dev/v1',
    kind: 'LoadBalancer',
    metadata: { name: `bench-${index}` },
    spec: {
      loadBalancerSet: site.loadBalancerSet,
      vipPool: site.vipPool.name,
      ports: [{ name: 'http', port: 80, targetPort: site.echo.http, protocol: 'TCP' }],
      backends: site.nodes.map((node) => ({ name: node.name, address: node.address })),
    },
  };
}

/** Resolves when all load balancers serve. */
export async function fairleadPair(lab: Lab): Promise<Pair> {
  const vips = await eventually(() => servedAddresses(lab), 120);
  const serving = (machine: string, word: 'stop' | 'resume') =>
    lab.must(machine, [process.execPath, lab.apps.lbagent, `${word}-serving`, '--run-dir', '/run/fairlead']);
  return {
    vips,
    async owner() {
      const owners = await ownersOf(lab, vips[0]!);
      const machines = await lab.fairlead(['get', 'machines', '-o', 'wide']);
      const ready = lab.site.machines.every(({ name }) => new RegExp(`${name} .* Ready `).test(machines));
      if (owners.length !== 1 || !ready) throw new Error(`owners: ${owners.join(' and ') || 'none'}\n${machines}`);
      return owners[0]!;
    },
    async strike(fault: Fault, owner: string) {
      if (fault === 'machine lost') await lab.cut(owner);
      else if (fault === 'haproxy killed') await lab.kill(owner, 'haproxy', 'KILL');
      else await serving(owner, 'stop');
    },
    async mend(fault: Fault, owner: string) {
      if (fault === 'machine lost') await lab.heal(owner);
      else if (fault === 'stopped') await serving(owner, 'resume');
    },
  };
}

interface Shown {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly state?: string; readonly addresses?: readonly string[] };
}

async function servedAddresses(lab: Lab): Promise<readonly string[]> {
  const shown = JSON.parse(await lab.fairlead(['get', 'loadbalancers', '-o', 'json'])) as { items: readonly Shown[] };
  const waiting = shown.items.filter(({ status }) => status?.state !== 'SERVING');
  if (waiting.length > 0) throw new Error(`${waiting.length} of ${shown.items.length} are not served yet`);
  return shown.items.flatMap(({ status }) => status?.addresses ?? []).sort();
}
