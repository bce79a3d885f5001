import { sleep } from '../../e2e/lab/command.ts';
import { eventually } from '../../e2e/tests/eventually.ts';
import { nowNs } from '../machine/protocol.ts';
import { type Context, type Figure, inTurns, type Scenario } from '../scenario.ts';
import { type ApiWrites, readApiWrites } from '../service/api-writes.ts';
import type { Answer, Kind, Life, Order } from '../service/protocol.ts';
import { AT_ONCE, fill, numbered, type ServiceSite, startServiceSite } from '../service/site.ts';
import { duplicates, spans, untilLast } from '../service/spans.ts';

/** Many Services at once, and what one more then takes. */
export const burst: Scenario = {
  name: 'burst',
  title: 'Many Services at once',
  async run(context) {
    const site = await startServiceSite('burst');
    try {
      const size = context.quick ? 20 : 1000;
      const alone = await recreate(site, numbered('alone', 1), context);
      const many = await measureMany(site, size, context);
      const others = numbered('other', size);
      context.tell(`one more beside ${size}`);
      await fill(site, others);
      await untilQuiet(site.cluster);
      const beside = await recreate(site, others, context);
      context.tell('the controller restarts');
      const restarts = await measureRestarts(site, context.quick ? 1 : 3);
      return { how: HOW, figures: [...many, ...figuresBeside(size, { alone, beside }), ...restarts] };
    } finally {
      await site.lab.down();
    }
  },
};

const HOW =
  'The site of the new Service. A client creates all Services, eight calls at once; counted from the first call. *Without pods*: until all ' +
  'have an address. *With pods*: until each has answered through its address; their EndpointSlices are there before, since the ' +
  'controller manager makes 20 a second. The baseline, in turns, is the same number of Services of another’s class that are created and nothing else. ' +
  'Writes are what the API server has counted, refused ones too. One more: one is deleted beside all others and, as soon as it is gone, ' +
  'one is created; alone the same without others, earlier in the same run. Restart: the controller is told to end (SIGTERM), a Service is created, and ' +
  'the controller is started; counted from the start.';

interface Burst {
  readonly answer: Answer;
  readonly writes: ApiWrites;
}

async function measureMany(site: ServiceSite, size: number, { quick, tell }: Context): Promise<Figure[]> {
  const sliced = numbered('sliced', size);
  await site.user.ask({ order: 'slice', names: sliced, pods: site.pods });
  const atOnceOf = (kind: Kind, until: 'address' | 'answer' | 'created') => () => {
    tell(`${size} at once, ${kind}`);
    return atOnce(site, numbered(kind, size), { kind, until });
  };
  const bursts = await inTurns(quick ? 1 : 2, {
    bare: atOnceOf('bare', 'address'),
    sliced: atOnceOf('sliced', 'answer'),
    foreign: atOnceOf('foreign', 'created'),
  });
  return figuresOfMany(size, bursts);
}

async function atOnce(
  { user, cluster }: ServiceSite,
  names: readonly string[],
  what: { readonly kind: Kind; readonly until: 'address' | 'answer' | 'created' },
): Promise<Burst> {
  const before = await readApiWrites(cluster);
  const answer = await user.ask({ order: 'create', names, atOnce: AT_ONCE, ...what });
  const after = await untilQuiet(cluster);
  await user.ask({ order: 'remove', names, atOnce: AT_ONCE });
  await untilQuiet(cluster);
  return { answer, writes: { services: after.services - before.services, events: after.events - before.events } };
}

/** Events come after what they tell of, and are not to be written while something else is measured. */
async function untilQuiet(cluster: ServiceSite['cluster']): Promise<ApiWrites> {
  for (let before = await readApiWrites(cluster); ;) {
    await sleep(STRAGGLERS_MS);
    const after = await readApiWrites(cluster);
    if (after.services === before.services && after.events === before.events) return after;
    before = after;
  }
}

const STRAGGLERS_MS = 1500;

function figuresOfMany(
  size: number,
  bursts: Readonly<Record<'bare' | 'sliced' | 'foreign', readonly Burst[]>>,
): Figure[] {
  const seconds = (kind: keyof typeof bursts, to: 'createdNs' | 'addressNs' | 'answerNs') =>
    bursts[kind].map(({ answer }) => [untilLast(answer.begunNs, answer.services, to) / 1000]);
  const baseline = { name: 'created alone', turns: seconds('foreign', 'createdNs') };
  const ours = [...bursts.bare, ...bursts.sliced];
  const each = (count: number) => [count / size];
  const all = `all ${size.toLocaleString('en')}`;
  return [
    {
      name: `${all} have an address, without pods`,
      unit: 's',
      turns: seconds('bare', 'addressNs'),
      baseline,
      goals: [{ of: 'p50', atMost: 19 }],
      note: 'MetalLB’s controller, which waits for no machine, took 19 s for 1,000 on such a machine.',
    },
    { name: `${all} have an address, with pods`, unit: 's', turns: seconds('sliced', 'addressNs'), baseline },
    { name: `${all} answer, with pods`, unit: 's', turns: seconds('sliced', 'answerNs'), baseline },
    {
      name: 'addresses given twice',
      unit: 'count',
      turns: ours.map(({ answer }) => [duplicates(answer.services)]),
      goals: [{ of: 'max', atMost: 0 }],
    },
    {
      name: 'writes to a Service, without pods',
      unit: 'count',
      turns: bursts.bare.map(({ writes }) => each(writes.services)),
    },
    {
      name: 'writes to a Service, with pods',
      unit: 'count',
      turns: bursts.sliced.map(({ writes }) => each(writes.services)),
    },
    { name: 'events of a Service', unit: 'count', turns: ours.map(({ writes }) => each(writes.events)) },
  ];
}

/** Deletes one and creates one, in turns of several; the times until the new one has an address. */
async function recreate(site: ServiceSite, there: readonly string[], { quick }: Context): Promise<number[][]> {
  const [rounds, each] = quick ? [1, 2] : [5, 8];
  const missing = there.length === 1;
  const turns: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const lives: Life[] = [];
    for (let index = 0; index < each; index += 1) {
      const name = there[(round * each + index) % there.length]!;
      if (missing) await fill(site, [name]);
      await site.user.ask({ order: 'remove', names: [name], atOnce: 1 });
      lives.push(...(await site.user.ask(oneBare(name))).services);
      if (missing) await site.user.ask({ order: 'remove', names: [name], atOnce: 1 });
      await sleep(150);
    }
    turns.push(spans(lives, 'begunNs', 'addressNs'));
  }
  return turns;
}

function oneBare(name: string): Order {
  return { order: 'create', names: [name], kind: 'bare', atOnce: 1, until: 'address' };
}

function figuresBeside(size: number, { alone, beside }: Record<'alone' | 'beside', number[][]>): Figure[] {
  return [
    {
      name: `one created after one was deleted, beside ${size.toLocaleString('en')}`,
      unit: 'ms',
      turns: beside,
      baseline: { name: 'the same alone', turns: alone },
      goals: [{ of: 'ratio', atMost: 1.2 }],
    },
  ];
}

async function measureRestarts(site: ServiceSite, turns: number): Promise<Figure[]> {
  const waits: number[][] = [];
  const changes: number[][] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const { waitMs, changed } = await restart(site, `restart-${turn}`);
    waits.push([waitMs]);
    changes.push([changed]);
  }
  return [
    { name: 'the first new address after a restart', unit: 'ms', turns: waits, goals: [{ of: 'p50', atMost: 1000 }] },
    {
      name: 'writes to the others at a restart',
      unit: 'count',
      turns: changes,
      goals: [{ of: 'max', atMost: 0 }],
    },
  ];
}

async function restart({ lab, user, cluster }: ServiceSite, name: string) {
  const host = lab.site.control.name;
  const before = await readApiWrites(cluster);
  await lab.kill(host, CONTROLLER, 'TERM');
  await eventually(async () => {
    if (await runs(lab, host)) throw new Error('the controller has not ended');
  }, 30);
  const addressed = user.ask(oneBare(name));
  const startedNs = nowNs();
  await lab.start(host, CONTROLLER);
  const { services } = await addressed;
  await sleep(STRAGGLERS_MS);
  const own = (await user.ask({ order: 'changes', names: [name] })).services[0]!.changes!;
  const after = await readApiWrites(cluster);
  return { waitMs: untilLast(startedNs, services, 'addressNs'), changed: after.services - before.services - own };
}

const CONTROLLER = 'controller-1';

async function runs(lab: ServiceSite['lab'], host: string): Promise<boolean> {
  const status = (await lab.status()).find(({ name }) => name === host);
  return status?.processes.some(({ name, pid }) => name === CONTROLLER && pid !== undefined) ?? false;
}
