import { join } from 'node:path';
import { sleep } from '../../e2e/lab/command.ts';
import { fillBoth, RELOADING, since } from '../machine/contenders.ts';
import { type Counters, readCounters } from '../machine/counters.ts';
import { type Peer, startPeer } from '../machine/peer.ts';
import { nowNs } from '../machine/protocol.ts';
import { type Rig, startRig } from '../machine/rig.ts';
import { NODES, plainVipOf, SERVICE_PORT, vipOf } from '../machine/state.ts';
import type { SweepAnswer, SweepOrder } from '../node-flap/sweep.ts';
import { type Figure, inTurns, type Scenario, type Turns } from '../scenario.ts';

/** How soon traffic leaves a node that goes, and finds one that comes back, when every Service is on it. */
export const nodeFlap: Scenario = {
  name: 'node-flap',
  title: 'A node goes and comes back',
  async run(context) {
    const { quick, tell } = context;
    const size = quick ? 30 : 5000;
    const rig = await startRig(context);
    try {
      const sweeper = await startPeer<SweepOrder, SweepAnswer>(rig.machines, 'client', [
        join(import.meta.dirname, '../node-flap/sweeper.ts'),
      ]);
      const stage: Stage = { rig, sweeper, size };
      tell(`${size} services`);
      await fillBoth(rig, size);
      tell('a node leaves and joins');
      await leaveAndJoin(stage);
      const { ours, theirs } = await inTurns(quick ? 1 : 6, {
        ours: () => leaveAndJoin(stage),
        theirs: () => leaveAndJoinByReload(stage),
      });
      tell('a node is lost and back');
      const lost: Flap[] = [];
      for (let turn = 0; turn < (quick ? 1 : 4); turn += 1) lost.push(await loseAndMend(stage));
      return { how: HOW, figures: figuresOf(size, { ours, theirs, lost }) };
    } finally {
      await rig.machines.down();
    }
  },
};

const HOW =
  'On the rig of a new Service on the LB machine: five nodes are behind each of 5,000 Services, and one of them goes and comes back. A client opens ' +
  'a connection every millisecond, to the next of ten of the Services, which are spread over all. It *avoids* the node when the last connection ' +
  'that ended there, or failed, has been begun, and is *served* by it when each of the ten has answered from there; a Service comes to the node with ' +
  'every fifth connection, so that this is seen up to 50 ms late. *Leaves* and *joins*: lbagent is told that the node is not of the cluster any ' +
  'more, or again, in one message; counted from the moment when it is sent. The baseline is counted from the moment when its agent has heard of it. ' +
  '*Lost*: the node’s link is dead from one moment to the next and nobody is told, so that HAProxy’s checks must find out; counted from there. ' +
  '*Back*: its link is there again. The baseline has no checks, so it has no part in that.';

interface Stage {
  readonly rig: Rig;
  readonly sweeper: Peer<SweepOrder, SweepAnswer>;
  readonly size: number;
}

/** A node gone and back. */
interface Flap {
  readonly goneMs: number;
  readonly backMs: number;
  readonly failed: number;
}

const NODE = NODES[2]!.name;
const SAMPLE = 10;

/** One for every `size / SAMPLE` services, the first and the last among them. */
function sample(size: number, addressOf: (index: number) => string): readonly string[] {
  return Array.from({ length: SAMPLE }, (_, index) => addressOf(Math.floor((index * (size - 1)) / (SAMPLE - 1))));
}

/** `addressOf`: a service of the contender. `change` says since when it counts. */
async function flap(
  { sweeper, size }: Stage,
  addressOf: (index: number) => string,
  change: (there: boolean) => Promise<number>,
): Promise<Flap> {
  const half = async (until: SweepOrder['until']) => {
    const seen = sweeper.ask({ addresses: sample(size, addressOf), port: SERVICE_PORT, name: NODE, until });
    await sleep(100);
    const fromNs = await change(until === 'everywhere');
    const { ns, failed } = await seen;
    await sleep(REST_MS);
    // The node may have had its last connection just before it was told of.
    return { ms: since(fromNs, until === 'gone' ? Math.max(fromNs, ns) : ns), failed };
  };
  const [gone, back] = [await half('gone'), await half('everywhere')];
  return { goneMs: gone.ms, backMs: back.ms, failed: gone.failed + back.failed };
}

/** Long enough for lbagent to have written its files. */
const REST_MS = 1000;

interface OwnFlap extends Flap, Counters {
  /** The machine's own count, of each half. */
  readonly appliedMs: readonly number[];
}

async function leaveAndJoin(stage: Stage): Promise<OwnFlap> {
  const { machines, pusher } = stage.rig;
  const appliedMs: number[] = [];
  const before = await readCounters(machines);
  const seen = await flap(stage, vipOf, async (there) => {
    const { sentNs, applyMicros } = await pusher.ask({ order: 'node', name: NODE, there });
    appliedMs.push(applyMicros / 1000);
    return sentNs;
  });
  const after = await readCounters(machines);
  return { ...seen, appliedMs, steps: after.steps - before.steps, reloads: after.reloads - before.reloads };
}

function leaveAndJoinByReload(stage: Stage): Promise<Flap> {
  return flap(stage, plainVipOf, async (there) => {
    const { receivedNs } = await stage.rig.reloader.ask({ order: 'node', name: NODE, there });
    return receivedNs;
  });
}

function loseAndMend(stage: Stage): Promise<Flap> {
  const { machines } = stage.rig;
  return flap(stage, vipOf, async (there) => {
    const fromNs = nowNs();
    await (there ? machines.heal(NODE) : machines.cut(NODE));
    return fromNs;
  });
}

interface Flaps {
  readonly ours: readonly OwnFlap[];
  readonly theirs: readonly Flap[];
  readonly lost: readonly Flap[];
}

function figuresOf(size: number, { ours, theirs, lost }: Flaps): Figure[] {
  const beside = `of ${size.toLocaleString('en')} services`;
  const each = <T extends Flap>(flaps: readonly T[], read: (flap: T) => number): Turns =>
    flaps.map((one) => [read(one)]);
  const none = { goals: [{ of: 'max', atMost: 0 }] } as const;
  const against = (read: (flap: Flap) => number): Pick<Figure, 'unit' | 'turns' | 'baseline' | 'goals'> => ({
    unit: 'ms',
    turns: each(ours, read),
    baseline: { name: RELOADING, turns: each(theirs, read) },
    goals: [{ of: 'ratio', atMost: 1 }],
  });
  const failed = (flaps: readonly Flap[]) => ({ unit: 'count', turns: each(flaps, (flap) => flap.failed) }) as const;
  return [
    { name: `a node ${beside} leaves, until new connections avoid it`, ...against(({ goneMs }) => goneMs) },
    { name: `it joins, until it serves everywhere`, ...against(({ backMs }) => backMs) },
    { name: 'either, by the machine’s own count', unit: 'ms', turns: ours.map(({ appliedMs }) => appliedMs) },
    { name: 'changes of HAProxy at run time, both', unit: 'count', turns: each(ours, ({ steps }) => steps) },
    { name: 'reloads of HAProxy', unit: 'count', turns: each(ours, ({ reloads }) => reloads), ...none },
    { name: 'connections that failed', ...failed(ours), ...none },
    { name: 'connections that failed, of the baseline', ...failed(theirs) },
    { name: 'it is lost, until new connections avoid it', unit: 'ms', turns: each(lost, ({ goneMs }) => goneMs) },
    { name: 'it is back, until it serves everywhere', unit: 'ms', turns: each(lost, ({ backMs }) => backMs) },
    { name: 'connections that failed when it was lost', ...failed(lost), note: LOST },
  ];
}

const LOST =
  'those that came to the node until the checks had found out: there is one every 500 ms, which fails when nothing answers for as long, another comes 250 ms after it, and two failures count.';
