import { type Context, type Figure, type Goal, inTurns, type Scenario, type Turns } from '../scenario.ts';
import type { Life } from '../service/protocol.ts';
import { fill, numbered, oneByOne, PAUSE_MS, type ServiceSite, startServiceSite } from '../service/site.ts';
import { spans } from '../service/spans.ts';
import { percentile } from '../statistics.ts';
import { sleep } from '../../e2e/lab/command.ts';

/** What a user waits for between a Service and its first byte, beside how many others. */
export const newService: Scenario = {
  name: 'new-service',
  title: 'A new Service, from its creation to the first byte',
  async run(context) {
    const site = await startServiceSite('new-service');
    try {
      const rows: Row[] = [];
      let there = 0;
      for (const size of context.quick ? [3] : [10, 1000, 5000]) {
        context.tell(`until there are ${size} services`);
        await fill(site, numbered('other', size - there, there));
        there = size;
        context.tell(`one more beside ${size}`);
        rows.push(await measureBeside(site, size, context));
      }
      return { how: HOW, figures: figuresOf(rows) };
    } finally {
      await site.lab.down();
    }
  },
};

const HOW =
  'A whole site on one machine: etcd, API server, controller manager, two nodes with kube-proxy (nftables), controller, cloudagent and two ' +
  'LB machines. A client creates one Service after the other by a connection that it keeps, sees in a watch when the address is written, ' +
  'and then connects to it until it has the first byte. *Without pods*: nobody can answer, so the address waits for Fairlead alone. ' +
  '*Node ports open*: a NodePort Service that its nodes answer already is made a LoadBalancer. *With pods*: the pods are ready, the ' +
  'Service is new; its address is written when it answers, which waits for kube-proxy to open the node port: the client asks the nodes every ' +
  '5 ms when they do. The others have no pods. The baseline is the least that any controller does, in turns: a Service of another’s class is created, and ' +
  'a plain client writes an address into its status as soon as it sees it. What rendering everything and reloading would take instead is ' +
  'measured at the machine’s share.';

interface Row {
  readonly size: number;
  readonly bare: readonly (readonly Life[])[];
  readonly foreign: readonly (readonly Life[])[];
  readonly open: readonly (readonly Life[])[];
  readonly selected: readonly (readonly Life[])[];
}

async function measureBeside(site: ServiceSite, size: number, { quick }: Context): Promise<Row> {
  const count = quick ? 2 : 8;
  const few = quick ? 1 : 4;
  const { nodes } = site;
  const row = await inTurns(quick ? 1 : 5, {
    bare: () => oneByOne(site, { name: 'bare', count, kind: 'bare', until: 'address' }),
    foreign: () => oneByOne(site, { name: 'foreign', count, kind: 'foreign', until: 'own-address' }),
    open: () => publishOneByOne(site, numbered('open', few)),
    selected: () => oneByOne(site, { name: 'new', count: few, kind: 'selected', until: 'answer', nodes }),
  });
  return { size, ...row };
}

async function publishOneByOne({ user, nodes }: ServiceSite, names: readonly string[]): Promise<Life[]> {
  const lives: Life[] = [];
  for (const name of names) {
    lives.push(...(await user.ask({ order: 'publish', name, nodes })).services);
    await sleep(PAUSE_MS);
  }
  await user.ask({ order: 'remove', names, atOnce: names.length });
  return lives;
}

const STATUS_GOALS: readonly Goal[] = [
  { of: 'p50', atMost: 20 },
  { of: 'p99', atMost: 60 },
];

function figuresOf(rows: readonly Row[]): Figure[] {
  const figures = rows.flatMap(figuresBeside);
  const [first, last] = [rows[0]!, rows.at(-1)!];
  if (first === last) return figures;
  const growth = `without pods, until the address, ${last.size.toLocaleString('en')} against ${first.size} others`;
  const turns = quotients(addressTimes(last.bare), addressTimes(first.bare));
  return [...figures, { name: growth, unit: '×', turns, goals: [{ of: 'p50', atMost: 1.5 }] }];
}

function figuresBeside({ size, bare, foreign, open, selected }: Row): Figure[] {
  const beside = `beside ${size.toLocaleString('en')} others`;
  const baseline = { name: 'created, and one address written by a plain client', turns: addressTimes(foreign) };
  const times = (lives: Row['open'], to: 'answerNs' | 'nodePortNs') => lives.map((each) => spans(each, 'begunNs', to));
  return [
    {
      name: `without pods, until the address, ${beside}`,
      unit: 'ms',
      turns: addressTimes(bare),
      baseline,
      goals: STATUS_GOALS,
    },
    {
      name: `node ports open, until the address, ${beside}`,
      unit: 'ms',
      turns: addressTimes(open),
      baseline,
      goals: STATUS_GOALS,
    },
    { name: `node ports open, until the first byte, ${beside}`, unit: 'ms', turns: times(open, 'answerNs') },
    {
      name: `with pods, until the first byte, ${beside}`,
      unit: 'ms',
      turns: times(selected, 'answerNs'),
      baseline: { name: 'until the first node port answers', turns: times(selected, 'nodePortNs') },
    },
  ];
}

function addressTimes(turns: Row['bare']): Turns {
  return turns.map((lives) => spans(lives, 'begunNs', 'addressNs'));
}

function quotients(a: Turns, b: Turns): Turns {
  return a.map((turn, index) => [percentile(turn, 0.5) / percentile(b[index]!, 0.5)]);
}
