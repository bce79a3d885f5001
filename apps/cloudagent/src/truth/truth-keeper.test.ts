import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyResources } from '../decisions/apply-resources.ts';
import { ensure } from '../decisions/ensure.ts';
import { beginEpoch } from '../decisions/epoch.ts';
import { remove } from '../decisions/remove.ts';
import { openSession } from '../decisions/sessions.ts';
import { syncNodes } from '../decisions/sync-nodes.ts';
import { resourceFromText, resourcesOf, resourceToText } from '../resources/stored.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { node, service } from '../testing/site.ts';
import { TruthConflict, TruthKeeper, type TruthOptions } from './truth-keeper.ts';
import type { Truth } from './truth.ts';

const codec = { toText: resourceToText, fromText: resourceFromText };
let directory: string;
let store: Store;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-truth-'));
  store = openSqliteStore({ file: join(directory, 'store.db') });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A keeper as a new process would have it: nothing but the file. */
async function restart(more: Partial<TruthOptions> = {}): Promise<TruthKeeper> {
  await store.close();
  store = openSqliteStore({ file: join(directory, 'store.db') });
  return TruthKeeper.load({ store, codec, ...more });
}

async function keeperOf(yaml: string): Promise<TruthKeeper> {
  const keeper = await TruthKeeper.load({ store, codec });
  const change = { put: resourcesOf(yaml), remove: [] };
  await keeper.change((truth) => applyResources(truth, change, { siteName: 'test', now: 1 }));
  return keeper;
}

const everything = (truth: Truth) => ({
  counters: truth.counters,
  resources: truth.resources,
  loadBalancers: truth.loadBalancers,
  holdings: [...truth.book.holdings()].sort((a, b) => (a.address < b.address ? -1 : 1)),
  rests: [...truth.book.rests()],
  sessions: truth.sessions,
  sets: truth.sets,
  nodes: truth.nodes,
});

const ensuring = (name: string) => (truth: Truth) => ensure(truth, service(name), 1_000);

/** One of those that share an address. */
const sharing = (name: string, port: number) =>
  service(name, { sharingKey: 'dns', ports: [{ ...service(name).ports[0]!, port }] });

describe('a restarted cloudagent', () => {
  it('knows who shares an address, and frees it with the last of them', async () => {
    const keeper = await keeperOf(siteYaml({ vips: 1 }));
    for (const [name, port] of [
      ['a', 53],
      ['b', 54],
      ['c', 55],
    ] as const) {
      await keeper.change((truth) => ensure(truth, sharing(name, port), 1_000));
    }
    await keeper.change((truth) => remove(truth, 'uid-a', 2_000));
    await keeper.change((truth) => ensure(truth, sharing('b', 56), 2_000));
    const before = everything(keeper.truth);
    const again = await restart();
    expect(everything(again.truth)).toEqual(before);
    expect(before.holdings.map(({ holder, share }) => [holder.name, share?.ports])).toEqual([
      ['b', ['TCP/56']],
      ['c', ['TCP/55']],
    ]);
    for (const name of ['b', 'c']) await again.change((truth) => remove(truth, `uid-${name}`, 3_000));
    const { holdings, rests } = everything((await restart()).truth);
    expect({ holdings, rests }).toMatchObject({ holdings: [], rests: [{ lastHolder: { name: 'c' }, until: 63_000 }] });
  });

  it('knows everything that it knew', async () => {
    const keeper = await keeperOf(siteYaml({ vips: 3 }));
    for (const name of ['a', 'b', 'c', 'd', 'e']) await keeper.change(ensuring(name));

    await keeper.change((truth) => openSession(truth, 'prod', 'controller-1'));
    const nodes = [node('n1', '10.0.0.101'), node('n2', '10.0.0.102')];
    await keeper.change((truth) => syncNodes(truth, { cluster: 'prod', full: true, upsert: nodes, remove: [] }, 1));
    await keeper.change((truth) => syncNodes(truth, { cluster: 'prod', full: false, upsert: [], remove: ['n1'] }, 1));
    await keeper.change((truth) => remove(truth, 'uid-b', 2_000));
    const before = everything(keeper.truth);
    expect(before.rests).toHaveLength(1);
    expect(everything((await restart()).truth)).toEqual(before);
  });

  it('gives every load balancer its old address, in whatever order they come back', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const keeper = await keeperOf(siteYaml());
    for (const name of names) await keeper.change(ensuring(name));
    const addressesOf = (truth: Truth) => names.map((name) => truth.book.addressesOf(`uid-${name}`));
    const before = addressesOf(keeper.truth);
    const again = await restart();
    for (const name of [...names, 'newcomer'].toReversed()) await again.change(ensuring(name));
    expect(addressesOf(again.truth)).toEqual(before);
  });

  it('that died after the commit and before the answer gives the same address on retry', async () => {
    await keeperOf(siteYaml());
    const dying = await restart({
      afterCommit: () => {
        throw new Error('the process died here');
      },
    });
    await expect(dying.change(ensuring('a'))).rejects.toThrow('died here');
    const again = await restart();
    const generation = again.truth.counters.generation;
    const other = await again.change((truth) => ensure(truth, service('b'), 1_000));
    const retried = await again.change(ensuring('a'));
    expect(retried).toEqual({ addresses: ['10.0.0.150'], generation });
    expect(other).toMatchObject({ addresses: ['10.0.0.151'] });
  });

  it('never counts back: generation goes on, the epoch is a new one', async () => {
    const keeper = await keeperOf(siteYaml());
    await keeper.change((truth) => beginEpoch(truth, { epoch: 0, generation: 0 }));
    await keeper.change(ensuring('a'));
    const { epoch, generation } = keeper.truth.counters;
    const again = await restart();
    await again.change((truth) => beginEpoch(truth, { epoch: 0, generation: 0 }));
    expect(again.truth.counters).toMatchObject({ epoch: epoch + 1, generation });
    await again.change((truth) => beginEpoch(truth, { epoch: 40, generation: 1 }));
    expect(again.truth.counters).toMatchObject({ epoch: 41, generation });
    await again.change(ensuring('b'));
    expect(again.truth.counters.generation).toBe(generation + 1);
  });
});

describe('changes', () => {
  it('made at once are decided one after the other: nobody gets an address twice', async () => {
    const keeper = await keeperOf(siteYaml({ vips: 100 }));
    const names = Array.from({ length: 100 }, (_, index) => `s${index}`);
    const answers = await Promise.all(names.map((name) => keeper.change(ensuring(name))));
    const given = answers.flatMap((answer) => ('addresses' in answer ? answer.addresses : []));
    expect(new Set(given).size).toBe(100);
  });

  it('that throw change nothing and do not stop the next one', async () => {
    const keeper = await keeperOf(siteYaml());
    const before = everything(keeper.truth);
    const thrown = keeper.change(() => {
      throw new Error('a decision failed');
    });
    await expect(thrown).rejects.toThrow('a decision failed');
    expect(everything(keeper.truth)).toEqual(before);
    expect(await keeper.change(ensuring('a'))).toMatchObject({ addresses: ['10.0.0.150'] });
  });

  it('that cannot be stored change nothing', async () => {
    await keeperOf(siteYaml());
    const keeper = await restart();
    const before = everything(keeper.truth);
    const full = new Error('disk is full');
    const commit = store.commit.bind(store);
    store.commit = () => Promise.reject(full);
    await expect(keeper.change(ensuring('a'))).rejects.toBe(full);
    expect(everything(keeper.truth)).toEqual(before);
    store.commit = commit;
    expect(await keeper.change(ensuring('a'))).toMatchObject({ addresses: ['10.0.0.150'] });
  });

  it('whose address somebody else wrote into the store meanwhile are not made', async () => {
    const keeper = await keeperOf(siteYaml());
    await store.commit({ put: { 'address/10.0.0.150': '{}' } });
    await expect(keeper.change(ensuring('a'))).rejects.toThrow(TruthConflict);
    expect(keeper.truth.loadBalancers.size).toBe(0);
  });

  it('are told after memory agrees, with the story that caused them', async () => {
    const keeper = await keeperOf(siteYaml());
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    const told: unknown[] = [];
    keeper.subscribe((committed) => told.push([committed.trace, keeper.truth.book.addressesOf('uid-a')]));
    await keeper.change(ensuring('a'), trace);
    await keeper.change(ensuring('a'), trace);
    expect(told).toEqual([[trace, ['10.0.0.150']]]);
  });
});
