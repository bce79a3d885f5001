import { addAwaitedServices, addByReload, addServices, fillBoth, RELOADING } from '../machine/contenders.ts';
import { type Rig, startRig } from '../machine/rig.ts';
import { type Context, type Figure, inTurns, type Scenario, type Turns } from '../scenario.ts';
import { percentile } from '../statistics.ts';

/** What an LB machine itself takes to serve a new Service, beside how many others. */
export const machineShare: Scenario = {
  name: 'machine-share',
  title: 'A new Service on the LB machine',
  async run(context) {
    const rig = await startRig(context);
    try {
      const sizes = context.quick ? [10, 30] : [10, 1000, 5000];
      const rows: { size: number; row: Row }[] = [];
      for (const size of sizes) rows.push({ size, row: await measureBeside(rig, size, context) });
      return { how: HOW, figures: figuresOf(rows) };
    } finally {
      await rig.machines.down();
    }
  },
};

const HOW =
  'One LB machine with a real lbagent, which is told by the contract what to serve, as the cloudagent would; five nodes; files on a disk. ' +
  'Counted from the moment when the update is sent: until the machine has said that it is applied and a client that was told so then has ' +
  'the first byte through the address, which nobody has asked for before. *Awaited*: the client has been asking for it every ' +
  'millisecond already. The baseline is counted from the moment when its agent has heard of the change. It is spared the health checks ' +
  'that haproxy.cfg would have, since those of 5,000 services would use up the machine.';

type Row = Awaited<ReturnType<typeof measureBeside>>;

async function measureBeside(rig: Rig, size: number, { quick, tell }: Context) {
  tell(`${size} services`);
  await fillBoth(rig, size);
  const changes = quick ? 3 : 20;
  const fresh = freshIndexes(size);
  await addServices(rig, fresh(changes));
  return inTurns(quick ? 1 : 5, {
    visited: () => addServices(rig, fresh(changes)),
    reloaded: () => addByReload(rig, fresh(1)[0]!),
    awaited: () => addAwaitedServices(rig, fresh(quick ? 2 : 8)),
  });
}

/** Numbers of services that were never there before. */
function freshIndexes(first: number): (count: number) => number[] {
  let next = first;
  return (count) => Array.from({ length: count }, () => next++);
}

function figuresOf(rows: readonly { size: number; row: Row }[]): Figure[] {
  const beside = (size: number) => `beside ${size.toLocaleString('en')} others`;
  const each = rows.flatMap(({ size, row }): Figure[] => [
    {
      name: beside(size),
      unit: 'ms',
      turns: row.visited,
      baseline: { name: RELOADING, turns: row.reloaded },
      goals: [{ of: 'p50', atMost: 10 }],
    },
    { name: `awaited, ${beside(size)}`, unit: 'ms', turns: row.awaited },
  ]);
  const [first, last] = [rows[0]!, rows.at(-1)!];
  const growth = `${last.size.toLocaleString('en')} against ${first.size} others`;
  return [
    ...each,
    {
      name: growth,
      unit: '×',
      turns: quotients(last.row.visited, first.row.visited),
      goals: [{ of: 'p50', atMost: 1.5 }],
    },
  ];
}

function quotients(a: Turns, b: Turns): Turns {
  return a.map((turn, index) => [percentile(turn, 0.5) / percentile(b[index]!, 0.5)]);
}
