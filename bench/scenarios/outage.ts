import type { Lab } from '../../e2e/lab/lab.ts';
import { startProber } from '../../e2e/lab/prober-client.ts';
import { sleep } from '../../e2e/lab/command.ts';
import { fairleadPair, startFairleadSite } from '../outage/fairlead-pair.ts';
import { measureOutage } from '../outage/measure.ts';
import { type Fault, FAULTS, type Pair } from '../outage/pair.ts';
import { startPlainPair } from '../outage/plain-pair.ts';
import {
  type Context,
  type Figure,
  type Goal,
  inTurns,
  type Measured,
  type Scenario,
  type Turns,
} from '../scenario.ts';

/** What a client sees when the machine that owns its address is no longer there, at 10 addresses. */
export const outage: Scenario = {
  name: 'outage',
  title: 'Outage seen by a client, 10 addresses',
  run: (context) => measure(context, context.quick ? 2 : 10, { 'machine lost': 120, 'haproxy killed': 40, stopped: 0 }),
};

/** The same at 1,000 addresses. */
export const outageOfMany: Scenario = {
  name: 'outage-1000',
  title: 'Outage seen by a client, 1,000 addresses',
  quick: false,
  run: (context) =>
    measure(context, context.quick ? 20 : 1000, { 'machine lost': 250, 'haproxy killed': 250, stopped: 250 }),
};

async function measure(context: Context, vips: number, limits: Readonly<Record<Fault, number>>): Promise<Measured> {
  const labs: Lab[] = [];
  const start = async (advertInterval: string) => {
    const lab = await startFairleadSite(`outage-${advertInterval}-${process.pid}`, vips, advertInterval);
    labs.push(lab);
    return lab;
  };
  try {
    const [quick, usual] = [await start('30ms'), await start('100ms')];
    const contenders = {
      quick: await contenderOf(quick, await fairleadPair(quick)),
      usual: await contenderOf(usual, await fairleadPair(usual)),
      plain: await contenderOf(quick, await startPlainPair(quick, vips)),
    };
    const late: number[] = [];
    const figures: Figure[] = [];
    for (const fault of context.quick ? (['haproxy killed'] as const) : FAULTS) {
      context.tell(`${fault}, ${vips} addresses`);
      const seen = await measureFault(fault, contenders, { turns: context.quick ? 1 : 5, late });
      figures.push(...figuresOf(fault, seen, limits[fault]));
    }
    const lateness: Figure = { name: 'the client late, at worst', unit: 'ms', turns: [late], plotted: false };
    return { how: HOW, figures: [...figures, lateness] };
  } finally {
    for (const lab of labs) await lab.down();
  }
}

type Contender = Awaited<ReturnType<typeof contenderOf>>;

async function contenderOf(lab: Lab, pair: Pair) {
  const { client } = lab.site;
  return {
    pair,
    prober: await startProber(lab),
    // The kernel keeps 1,024 neighbours for all namespaces together: those of the others' turns would push out ours.
    forgetNeighbours: () => lab.must(client.name, ['ip', 'neigh', 'flush', 'all']),
  };
}

/** How long each is watched: well over what it needs. */
const WATCH_MS: Readonly<Record<Fault, Readonly<Record<'quick' | 'usual' | 'plain', number>>>> = {
  'machine lost': { quick: 3000, usual: 3000, plain: 6000 },
  'haproxy killed': { quick: 3000, usual: 3000, plain: 4000 },
  stopped: { quick: 3000, usual: 3000, plain: 3000 },
};
const MOST_ATTEMPTS = 3;
/** A machine that comes back has to hear the other one first. */
const REST_MS = 1500;

function measureFault(
  fault: Fault,
  contenders: Readonly<Record<'quick' | 'usual' | 'plain', Contender>>,
  { turns, late }: { turns: number; late: number[] },
) {
  const turnOf = (name: keyof typeof contenders) => async () => {
    const { pair, prober, forgetNeighbours } = contenders[name];
    for (let attempt = 1; ; attempt += 1) {
      const { outageMs, clientLateMs } = await measureOutage(pair, prober, fault, WATCH_MS[fault][name]);
      await forgetNeighbours();
      await sleep(REST_MS);
      // Nobody missed the machine that was lost: the addresses had moved just before, so that this is no figure.
      if (fault === 'machine lost' && outageMs === 0 && attempt < MOST_ATTEMPTS) continue;
      late.push(clientLateMs);
      return [outageMs];
    }
  };
  return inTurns(turns, { quick: turnOf('quick'), usual: turnOf('usual'), plain: turnOf('plain') });
}

function figuresOf(fault: Fault, seen: Record<'quick' | 'usual' | 'plain', Turns>, limit: number): Figure[] {
  const baseline = { name: 'keepalived and haproxy as they come', turns: seen.plain };
  const goals: Goal[] = [{ of: 'p50', atMost: limit }];
  return [
    { name: `${fault}, adverts every 30 ms`, unit: 'ms', turns: seen.quick, baseline, goals },
    { name: `${fault}, adverts every 100 ms`, unit: 'ms', turns: seen.usual, baseline },
  ];
}

const HOW =
  'Two LB machines and two nodes. A client opens a connection to one address every 5 ms, and as often to the next of all addresses, and ' +
  'waits for a whole answer. The outage lasts from the start of the first attempt that failed to the start of the first after which none ' +
  'did. *Machine lost*: its link is dead from one moment to the next. *haproxy killed*: master and worker, with signal 9. *Stopped*: ' +
  '`lbagent stop-serving`; of the baseline, SIGTERM to keepalived. The baseline is two machines of the same lab with the VIPs in ' +
  'keepalived.conf, VRRP version 2, an advert a second, a check script every second, and haproxy started again 100 ms after it ended, as ' +
  'its unit does; it does not preempt either.';
