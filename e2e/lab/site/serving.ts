import { sleep } from '../command.ts';
import type { Lab } from '../lab.ts';

/** What `fairlead get … -o json` shows of a resource, as far as it matters here. */
interface Shown {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly state?: string; readonly connected?: boolean; readonly addresses?: readonly string[] };
}

const PATIENCE_MS = 30_000;

/** Returns when every machine is connected and the load balancers are served; throws with what is still missing after 30 s. */
export async function untilServing(lab: Pick<Lab, 'fairlead'>, loadBalancers: readonly string[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const missing = await missingNow(lab, loadBalancers);
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`the site does not serve after ${PATIENCE_MS / 1000} s: ${missing.join('; ')}`);
    }
    await sleep(50);
  }
}

async function missingNow(lab: Pick<Lab, 'fairlead'>, loadBalancers: readonly string[]): Promise<string[]> {
  const list = async (kind: string) => itemsOf(JSON.parse(await lab.fairlead(['get', kind, '-o', 'json'])));
  const machines = (await list('machines')).filter(({ status }) => status?.connected !== true);
  const all = loadBalancers.length === 0 ? [] : await list('loadbalancers');
  const served = all.filter(({ status }) => status?.state === 'SERVING');
  const names = new Set(served.map(({ metadata }) => metadata.name));
  return [
    ...machines.map(({ metadata, status }) => `machine ${metadata.name} is not connected: ${JSON.stringify(status)}`),
    ...loadBalancers.filter((name) => !names.has(name)).map((name) => `load balancer ${name} is not served`),
  ];
}

function itemsOf(shown: unknown): readonly Shown[] {
  const { items } = shown as { items?: readonly Shown[] };
  return items ?? [shown as Shown];
}
