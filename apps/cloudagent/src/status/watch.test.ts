import { type pb } from '@fairlead/rpc';
import { describe, expect, it } from 'vitest';
import { openSession } from '../decisions/sessions.ts';
import type { LoadBalancerStatus } from '../status.ts';
import type { StatusChange } from './board.ts';
import { decide, truthOf } from '../testing/site.ts';
import type { Committed } from '../truth/truth-keeper.ts';
import { Watchers, watchStatus } from './watch.ts';

const status = (id: string, message: string, state: LoadBalancerStatus['state'] = 'SERVING'): LoadBalancerStatus => ({
  id,
  cluster: 'prod',
  namespace: 'shop',
  name: id,
  addresses: [],
  state,
  message,
  machines: [],
});

/** A board and a keeper that say what the test says. */
function sources() {
  const truth = truthOf();
  const session = decide(truth, (current) => openSession(current, 'prod', 'test'));
  let tell: (change: StatusChange) => void = () => undefined;
  let commit: (committed: Committed) => void = () => undefined;
  const held: LoadBalancerStatus[] = [];
  const board = { all: () => held, subscribe: (listener: typeof tell) => ((tell = listener), () => undefined) };
  const keeper = { truth, subscribe: (listener: typeof commit) => ((commit = listener), () => undefined) };
  return {
    truth,
    session,
    held,
    tell: (id: string, message: string, state?: LoadBalancerStatus['state']) =>
      tell({ id, cluster: 'prod', status: status(id, message, state) }),
    remove: (id: string) => tell({ id, cluster: 'prod' }),
    supersede() {
      const { changes } = openSession(truth, 'prod', 'another');
      truth.take(changes!);
      commit({ changes: changes!, trace: undefined });
    },
    watch: (signal = new AbortController().signal) =>
      watchStatus({ keeper, board }, { cluster: 'prod', session, signal }),
  };
}

const text = ({ status, removed, initialStateSent }: pb.WatchStatusResponse.$Properties) =>
  initialStateSent ? 'all' : status ? `${status.id} ${status.message}` : `-${removed}`;

async function take(events: AsyncGenerator<pb.WatchStatusResponse.$Properties>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) seen.push(text((await events.next()).value));
  return seen;
}

describe('watching the status', () => {
  it('gives everything once, then says that this was all, then changes', async () => {
    const site = sources();
    site.held.push(status('a', ''), status('b', ''), { ...status('other', ''), cluster: 'edge' });
    const events = site.watch();
    expect(await take(events, 3)).toEqual(['a ', 'b ', 'all']);
    site.tell('a', 'changed');
    site.remove('b');
    expect(await take(events, 2)).toEqual(['a changed', '-b']);
    await events.return(undefined);
  });

  it('keeps for a slow reader only the newest of each, however much happens meanwhile', async () => {
    const site = sources();
    const events = site.watch();
    await take(events, 1);
    for (let round = 0; round < 1_000; round++) for (const id of ['a', 'b', 'c']) site.tell(id, `${round}`);
    site.remove('b');
    expect(await take(events, 3)).toEqual(['a 999', 'c 999', '-b']);
    site.tell('a', 'next');
    expect(await take(events, 1)).toEqual(['a next']);
    await events.return(undefined);
  });

  it('says that one is pending only when it still is after a moment', async () => {
    const site = sources();
    const events = site.watch();
    await take(events, 1);
    site.tell('quick', 'on its way', 'PENDING');
    site.tell('slow', 'on its way', 'PENDING');
    site.tell('quick', 'serves');
    expect(await take(events, 2)).toEqual(['quick serves', 'slow on its way']);
    for (let round = 0; round < 20; round++) {
      site.tell('slow', `round ${round}`, 'PENDING');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await take(events, 1))[0]).toMatch(/^slow round \d+$/);
    await events.return(undefined);
  });

  it('loses nothing that changes while the first state is still being read', async () => {
    const site = sources();
    site.held.push(status('a', 'old'), status('b', 'old'));
    const events = site.watch();
    expect(await take(events, 1)).toEqual(['a old']);
    site.tell('a', 'new');
    expect(await take(events, 3)).toEqual(['b old', 'all', 'a new']);
    await events.return(undefined);
  });

  it('ends with SESSION_SUPERSEDED when another controller leads, also while nothing happens', async () => {
    const site = sources();
    const events = site.watch();
    await take(events, 1);
    const next = events.next();
    await Promise.resolve();
    site.supersede();
    await expect(next).rejects.toMatchObject({ detail: { reason: 'SESSION_SUPERSEDED' } });
  });

  it('ends when its reader goes, and is counted only as long', async () => {
    const site = sources();
    const stop = new AbortController();
    const watchers = new Watchers();
    const events = watchers.during('prod', site.watch(stop.signal));
    await take(events, 1);
    expect([...watchers.clusters]).toEqual(['prod']);
    const next = events.next();
    stop.abort();
    expect((await next).done).toBe(true);
    expect([...watchers.clusters]).toEqual([]);
  });
});
