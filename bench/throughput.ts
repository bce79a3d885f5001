import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureParts, findOnPath } from '../e2e/lab/parts.ts';
import { eventually } from '../e2e/tests/eventually.ts';
import { PLAIN, type Rig, startRig } from './machine/rig.ts';
import { BULK, HTTP_NODE_PORT, LOADED, NODES, plainVipOf, SERVICE_PORT, vipOf } from './machine/state.ts';
import { type Figure, inTurns, type Scenario, type Turns } from './scenario.ts';
import { NODE_CONFIG, renderPlainLoaded } from './throughput/load-config.ts';
import { parseIperf, parseWrk } from './throughput/load-output.ts';

/** What the way through a VIP costs against HAProxy by itself. */
export const throughput: Scenario = {
  name: 'throughput',
  title: 'Throughput through an address',
  async run({ quick, tell, parts, directory }) {
    const tools = await loadTools();
    const rig = await startRig({ parts, directory });
    try {
      await startLoad(rig, { directory, iperf3: tools.iperf3 });
      const others = quick ? 5 : 1000;
      await rig.pusher.ask({ order: 'fill', count: others });
      await rig.pusher.ask({ order: 'load' });
      const load = loadOf(rig, tools, quick ? 1 : 2);
      tell(`requests, beside ${others} services`);
      const requests = await both((vip) => load.requests(vip), quick ? 1 : 15);
      tell('one connection');
      const one = await both((vip) => load.bulk(vip, 1), quick ? 1 : 9);
      tell('four connections');
      const four = await both((vip) => load.bulk(vip, 4), quick ? 1 : 9);
      return { how: HOW, figures: figuresOf({ requests, one, four }) };
    } finally {
      await rig.machines.down();
    }
  },
};

const HOW =
  'A client, the LB machine, five nodes and everything else share the cores, so that the absolute figures say little and the ratios much. ' +
  'Requests: wrk with 16 connections, each request on a connection of its own, to nodes that answer at once. Bytes: iperf3 from one node ' +
  'to the client. Through lbagent beside 1,000 other services; the baseline is HAProxy bound to the address, with the same defaults and the same ' +
  'backends, and no other service, on a machine alike. A turn of each lasts two seconds.';

interface Tools {
  readonly wrk: string;
  readonly iperf3: string;
}

async function loadTools(): Promise<Tools> {
  const needed = ['wrk', 'iperf3'].map((program) => ({ program, package: program }));
  const { bin } = await ensureParts({ needed });
  return { wrk: findOnPath('wrk', bin)!, iperf3: findOnPath('iperf3', bin)! };
}

/** What answers on the nodes, and the baseline's HAProxy. */
async function startLoad(
  { machines }: Rig,
  { directory, iperf3 }: { directory: string; iperf3: string },
): Promise<void> {
  const files = join(directory, 'load');
  mkdirSync(files);
  writeFileSync(join(files, 'node.cfg'), NODE_CONFIG);
  writeFileSync(join(files, 'plain.cfg'), renderPlainLoaded(plainVipOf(LOADED)));
  for (const { name: host, address } of NODES) {
    const argv = ['haproxy', '-W', '-f', join(files, 'node.cfg')];
    await machines.run({ host, name: 'http', argv, ready: { kind: 'tcp', address, port: HTTP_NODE_PORT } });
  }
  const bulk = NODES.find(({ name }) => name === BULK.node)!;
  const ready = { kind: 'tcp', address: bulk.address, port: BULK.port } as const;
  await machines.run({ host: bulk.name, name: 'bulk', argv: [iperf3, '--server', '--port', `${BULK.port}`], ready });
  await machines.must(PLAIN.name, ['ip', 'address', 'add', `${plainVipOf(LOADED)}/32`, 'dev', 'eth0']);
  await machines.run({
    host: PLAIN.name,
    name: 'haproxy',
    argv: ['haproxy', '-W', '-f', join(files, 'plain.cfg')],
    ready: { kind: 'tcp', address: plainVipOf(LOADED), port: SERVICE_PORT },
  });
}

interface Sample {
  /** Requests or megabytes a second. */
  readonly rate: number;
  readonly p99Ms?: number;
  readonly failed?: number;
}

function loadOf({ machines }: Rig, { wrk, iperf3 }: Tools, seconds: number) {
  return {
    async requests(vip: string): Promise<Sample> {
      const options = ['--latency', '--threads', '1', '--connections', '16', '--duration', `${seconds}s`];
      const argv = [wrk, ...options, '--header', 'Connection: close', `http://${vip}:${SERVICE_PORT}/`];
      const { perSecond, p99Ms, failed } = parseWrk(await machines.must('client', argv));
      return { rate: perSecond, p99Ms, failed };
    },
    bulk(vip: string, connections: number): Promise<Sample> {
      const options = ['--json', '--reverse', '--time', `${seconds}`, '--parallel', `${connections}`];
      const argv = [iperf3, '--client', vip, '--port', `${BULK.port}`, ...options];
      // Its server takes a moment to see that the test before is over.
      return eventually(async () => ({ rate: parseIperf((await machines.exec('client', argv)).stdout) }));
    },
  };
}

interface Both {
  readonly ours: readonly Sample[];
  readonly theirs: readonly Sample[];
}

/** With a turn of each before that does not count. */
async function both(measure: (vip: string) => Promise<Sample>, turns: number): Promise<Both> {
  const seen: { ours: Sample[]; theirs: Sample[] } = { ours: [], theirs: [] };
  const turnOf = (samples: Sample[], vip: string) => async () => {
    const sample = await measure(vip);
    samples.push(sample);
    return [sample.rate];
  };
  await inTurns(turns + 1, {
    ours: turnOf(seen.ours, vipOf(LOADED)),
    theirs: turnOf(seen.theirs, plainVipOf(LOADED)),
  });
  return { ours: seen.ours.slice(1), theirs: seen.theirs.slice(1) };
}

function figuresOf({ requests, one, four }: Readonly<Record<'requests' | 'one' | 'four', Both>>): Figure[] {
  const name = 'HAProxy by itself, `mode tcp`, bound to the address';
  const rate = (samples: readonly Sample[]): Turns => samples.map((sample) => [sample.rate]);
  const p99 = (samples: readonly Sample[]): Turns => samples.map((sample) => [sample.p99Ms!]);
  const failed = (samples: readonly Sample[]) => samples.reduce((sum, sample) => sum + (sample.failed ?? 0), 0);
  const atLeast = { goals: [{ of: 'ratio', atLeast: 0.98 }] } as const;
  const rates = (label: string, unit: Figure['unit'], { ours, theirs }: Both): Figure => ({
    name: label,
    unit,
    turns: rate(ours),
    baseline: { name, turns: rate(theirs) },
    ...atLeast,
  });
  return [
    rates('connections', '1/s', requests),
    {
      name: 'a request on a connection of its own, p99',
      unit: 'ms',
      turns: p99(requests.ours),
      baseline: { name, turns: p99(requests.theirs) },
      goals: [{ of: 'ratio', atMost: 1.05 }],
    },
    rates('one connection', 'MB/s', one),
    rates('four connections', 'MB/s', four),
    {
      name: 'failed connections',
      unit: 'count',
      turns: [[failed(requests.ours)]],
      goals: [{ of: 'max', atMost: 0 }],
    },
  ];
}
