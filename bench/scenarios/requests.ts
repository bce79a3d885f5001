import { compared, eachWay, type EachWay, PLAIN_HAPROXY, SECONDS, SETTING } from '../load/each-way.ts';
import { parseWrk, type Requests } from '../load/output.ts';
import { type LoadedRig, requestPort, startLoadedRig, type Way, WAYS } from '../load/rig.ts';
import type { Figure, Scenario } from '../scenario.ts';

/** How many requests get through an address, and how long they take. */
export const requests: Scenario = {
  name: 'requests',
  title: 'Requests through an address',
  async run(context) {
    const { quick, tell } = context;
    const rig = await startLoadedRig(context, 'haproxy');
    try {
      const measure = async (connections: Connections) => {
        tell(NAMES[connections]);
        const seen = await eachWay(quick ? 1 : 24, (way) => request(rig, way, connections));
        return figuresOf(NAMES[connections], seen);
      };
      return { how: HOW, figures: [...(await measure('fresh')), ...(await measure('kept'))] };
    } finally {
      await rig.machines.down();
    }
  },
};

const HOW =
  `${SETTING} wrk keeps 16 requests under way, to nodes that answer at once: each request on a connection of its own, ` +
  'or one after the other on 16 connections that stay (HTTP keep-alive). The 99th percentile is of each turn. The baseline is HAProxy bound to the ' +
  'address, with the same defaults and backends, and no other service, on a machine alike. Straight to the NodePort: one node answers all, which here ' +
  'costs the least, since no node has a core of its own; nobody would notice if it died.';

/** For each request, or for many. */
type Connections = 'fresh' | 'kept';

const NAMES: Readonly<Record<Connections, string>> = {
  fresh: 'requests, each on a connection of its own',
  kept: 'requests, HTTP keep-alive',
};

async function request({ machines, wrk }: LoadedRig, way: Way, connections: Connections): Promise<Requests> {
  const options = ['--latency', '--threads', '1', '--connections', '16', '--duration', `${SECONDS}s`];
  const header = connections === 'fresh' ? ['--header', 'Connection: close'] : [];
  const url = `http://${WAYS[way]}:${requestPort(way)}/`;
  return parseWrk(await machines.must('client', [wrk, ...options, ...header, url]));
}

function figuresOf(name: string, seen: EachWay<Requests>): readonly Figure[] {
  const rate = { name, unit: '1/s', plain: PLAIN_HAPROXY, goals: [{ of: 'ratio', atLeast: 0.98 }] } as const;
  const p99 = {
    name: `${name}, p99`,
    unit: 'ms',
    plain: PLAIN_HAPROXY,
    goals: [{ of: 'ratio', atMost: 1.05 }],
  } as const;
  return [
    ...compared(rate, seen, ({ perSecond }) => perSecond),
    ...compared(p99, seen, ({ p99Ms }) => p99Ms),
    {
      name: `${name}, failed`,
      unit: 'count',
      turns: seen.ours.map(({ failed }) => [failed]),
      goals: [{ of: 'max', atMost: 0 }],
    },
  ];
}
