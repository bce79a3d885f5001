import { sleep } from '../../e2e/lab/command.ts';
import type { Lab } from '../../e2e/lab/lab.ts';
import type { Figure, Goal, Scenario } from '../scenario.ts';
import { fill, numbered, startServiceSite } from '../service/site.ts';
import { pidsOf, type Usage, usageOf } from '../service/usage.ts';

/** What it costs to have many Services while nothing happens. */
export const atRest: Scenario = {
  name: 'at-rest',
  title: 'At rest, beside many Services',
  async run({ quick, tell }) {
    const site = await startServiceSite('at-rest');
    try {
      const size = quick ? 20 : 1000;
      tell(`${size} services`);
      await fill(site, numbered('other', size));
      await sleep(quick ? 1000 : 20_000);
      const parts = await findParts(site.lab);
      const turns: Turn[] = [];
      for (let turn = 0; turn < (quick ? 1 : 3); turn += 1) turns.push(await watch(site.lab, parts, quick ? 2 : 30));
      return { how: HOW, figures: Object.keys(parts).flatMap((part) => figuresOf(part, turns)) };
    } finally {
      await site.lab.down();
    }
  },
};

const HOW =
  'The site of the new Service with 1,000 Services without pods, all of which have had their addresses for 20 s; nobody connects to any. ' +
  'Three times 30 s. Memory is what `/proc/PID/smaps_rollup` says at the end of each: *resident* with what it shares with others, *anonymous* ' +
  'what belongs to no file. A program with several processes is their sum. What runs on the LB machines is counted on both.';

/** The processes of a program on a host. */
interface Instance {
  readonly host: string;
  readonly pids: readonly number[];
}

/** By name. */
type SiteParts = Readonly<Record<string, readonly Instance[]>>;
/** By name; an element for each instance. */
type Turn = Readonly<Record<string, readonly (Usage & { readonly cpuPercent: number })[]>>;

async function findParts(lab: Lab): Promise<SiteParts> {
  const { control, cloudagent, machines } = lab.site;
  const hosts = await lab.status();
  const supervised = (host: string, name: string): Instance => {
    const processes = hosts.find((each) => each.name === host)?.processes;
    const pid = processes?.find((each) => each.name === name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run on ${host}`);
    return { host, pids: [pid] };
  };
  const onMachines = (program: string) =>
    Promise.all(machines.map(async ({ name: host }) => ({ host, pids: await pidsOf(lab, host, program) })));
  return {
    controller: [supervised(control.name, 'controller-1')],
    cloudagent: [supervised(cloudagent.name, 'cloudagent')],
    lbagent: machines.map(({ name }) => supervised(name, 'lbagent')),
    haproxy: await onMachines('haproxy'),
    keepalived: await onMachines('keepalived'),
  };
}

async function watch(lab: Lab, parts: SiteParts, seconds: number): Promise<Turn> {
  const watched = Object.entries(parts).map(async ([part, instances]) => {
    const usages = instances.map(({ host, pids }) => watchInstance(() => usageOf(lab, host, pids), seconds));
    return [part, await Promise.all(usages)] as const;
  });
  return Object.fromEntries(await Promise.all(watched));
}

async function watchInstance(read: () => Promise<Usage>, seconds: number) {
  const before = await read();
  const begun = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - begun) / 1000;
  const after = await read();
  return { ...after, cpuPercent: ((after.cpuSeconds - before.cpuSeconds) / elapsed) * 100 };
}

const MOST = { residentMb: 85, anonymousMb: 35, cpuPercent: 1 } as const;

function figuresOf(part: string, turns: readonly Turn[]): Figure[] {
  const figure = (name: string, unit: 'MB' | '% of a core', of: keyof typeof MOST): Figure => {
    const goals: Goal[] = part === 'lbagent' ? [{ of: 'max', atMost: MOST[of] }] : [];
    return {
      name: `${part}, ${name}`,
      unit,
      turns: turns.map((turn) => turn[part]!.map((each) => each[of])),
      goals,
    };
  };
  return [
    figure('resident', 'MB', 'residentMb'),
    figure('anonymous', 'MB', 'anonymousMb'),
    figure('processor', '% of a core', 'cpuPercent'),
  ];
}
