import { observeWorker, openCommandSocket } from '@fairlead/haproxy';
import { address } from '@fairlead/model';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { viewOf } from './planning/advance.ts';
import { drainRules } from './draining/drain-rules.ts';
import { haproxyFiles } from './haproxy/files.ts';
import { inSlices } from './pace/in-slices.ts';
import { narrow } from './planning/narrow.ts';
import { type Plan, plan } from './plan.ts';
import { programPath } from './processes/namespace.fixture.ts';
import { run } from './processes/run.ts';
import { CONFIG, node, nodePort, nodeSet, placed, stateOf } from './testing/example.ts';
import { createWantedReader } from './wanted/wanted.ts';
import { writeWholeFile } from './state/whole-file.ts';

export interface Scale {
  readonly services: number;
  readonly nodes: number;
  readonly maxBackends: number;
}

/** What so large a site makes of HAProxy, and what changes of it cost. */
export interface Seen {
  readonly servers: number;
  readonly isAccepted: boolean;
  readonly haproxyMegabytes: number;
  readonly megabytes: number;
  /** Steps for one Service more, and servers that come when a node goes. */
  readonly oneMore: number;
  readonly comeForNode: number;
  /** Steps that begin anew what runs already. */
  readonly again: number;
}

const DIRECTORY = '/run';

export async function scale({ services, nodes, maxBackends }: Scale): Promise<Seen> {
  const all = Array.from({ length: nodes }, (_, index) =>
    node(`node-${index}`, { addresses: [address(`10.8.${index >> 8}.${index & 255}`)] }),
  );
  const service = (index: number) =>
    placed(`s${index}`, `10.100.${index >> 8}.${index & 255}`, [nodePort(80)], { families: ['ipv4'] });
  const before = Array.from({ length: services }, (_, index) => service(index));
  const set = nodeSet(all, { maxBackends });
  const read = createWantedReader();
  const reading = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
  const state = stateOf(before, set);
  const wanted = read(state, reading);
  const settings = {
    configFile: `${DIRECTORY}/haproxy.cfg`,
    mapFile: `${DIRECTORY}/services.map`,
    statsSocket: `${DIRECTORY}/stats.sock`,
    masterSocket: `${DIRECTORY}/master.sock`,
    catchPort: 5000,
    healthPort: 5001,
    families: ['ipv4'] as const,
    slots: 512,
  };
  const files = await inSlices(haproxyFiles(wanted, undefined, settings));
  await writeWholeFile(settings.configFile, files.config, 0o640);
  await writeWholeFile(settings.mapFile, files.map, 0o644);
  const haproxy = programPath('haproxy');
  const checked = await run([haproxy, '-c', '-q', '-f', settings.configFile], { timeoutMs: 60_000 });
  const child = spawn(haproxy, ['-db', '-f', settings.configFile], { stdio: 'ignore' });
  const runtime = openCommandSocket(settings.statsSocket, 30_000);
  try {
    while (!(await runtime.run(['show info']).then(Boolean, () => false))) await sleep(50);
    const worker = await observeWorker(runtime, settings.mapFile);
    const links = { links: [], addresses: [] };
    const view = viewOf({ config: CONFIG, worker, caught: [], limits: [], forwards: [], links });
    const options = { owned: new Set<string>(), drain: drainRules(wanted.services, 30) };
    const part = (next: typeof wanted): Plan => {
      const { wanted: some, observed } = narrow({ before: wanted, wanted: next, unfinished: new Set() }, view);
      return plan(some, observed, options);
    };
    const count = ({ steps }: Plan, ...kinds: readonly string[]): number =>
      steps.filter(({ kind }) => kinds.includes(kind)).length;
    const more = { ...state, loadBalancers: new Map([...state.loadBalancers, ['more', service(services)] as const]) };
    const fewer = { ...state, nodeSets: new Map([[set.cluster, { ...set, nodes: all.slice(1) }]]) };
    return {
      servers: [...view.worker.backends].reduce(
        (sum, [name, { servers }]) => sum + (name.startsWith('backend_') ? servers.size : 0),
        0,
      ),
      isAccepted: checked.code === 0,
      haproxyMegabytes: residentMegabytes(child.pid!),
      megabytes: residentMegabytes(process.pid),
      oneMore: part(read(more, reading)).steps.length,
      comeForNode: count(part(read(fewer, reading)), 'add-server'),
      again: count(plan(wanted, view, options), 'add-server', 'add-service', 'drain-server', 'delete-server'),
    };
  } finally {
    runtime.close();
    child.kill('SIGKILL');
  }
}

function residentMegabytes(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!) / 1000);
}
