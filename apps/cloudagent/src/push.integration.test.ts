import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyResources } from './decisions/apply-resources.ts';
import { ensure } from './decisions/ensure.ts';
import { beginEpoch } from './decisions/epoch.ts';
import { remove } from './decisions/remove.ts';
import { isEqual } from './equal.ts';
import { lagOf } from './machines/link.ts';
import { planMachine, planSet } from './plan.ts';
import { Fleet } from './push.ts';
import { resourceFromText, resourcesOf, resourceToText } from './resources/stored.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { FakeMachine, silentLog } from './testing/fake-machine.ts';
import { service } from './testing/site.ts';
import { TruthKeeper } from './truth/truth-keeper.ts';
import { versionOf } from './truth/truth.ts';

let directory: string;
let store: Store;
let keeper: TruthKeeper;
let fleet: Fleet;
const machines = new Map<string, FakeMachine>();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-push-'));
  store = openSqliteStore({ file: join(directory, 'store.db') });
  for (const name of ['lb-1', 'lb-2']) machines.set(name, new FakeMachine(`unix:${join(directory, name)}`));
  await begin();
});
afterEach(async () => {
  await fleet.stop();
  for (const machine of machines.values()) await machine.stop();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A new life of the cloudagent on the same store. */
async function begin(): Promise<void> {
  keeper = await TruthKeeper.load({ store, codec: { toText: resourceToText, fromText: resourceFromText } });
  await keeper.change((truth) => beginEpoch(truth, { epoch: 0, generation: 0 }));
  const change = { put: resourcesOf(siteYaml({ vips: 50 })), remove: [] };
  await keeper.change((truth) => applyResources(truth, change, { siteName: 'test', now: 1 }));
  const connect = ({ name }: { name: string }) => machines.get(name)!.connect();
  fleet = new Fleet({ keeper, connect, now: Date.now, log: silentLog });
  fleet.start();
}

const machine = (name: string) => machines.get(name)!;
const ensuring = (name: string) => keeper.change((truth) => ensure(truth, service(name), 1));
const isNewest = (name: string) => isEqual(machine(name).version, versionOf(keeper.truth));
const until = (condition: () => boolean) =>
  vi.waitFor(
    () => {
      if (!condition()) throw new Error('not yet');
    },
    { timeout: 8_000, interval: 5 },
  );
const planned = (name: string) => planMachine(keeper.truth, name, planSet(keeper.truth, 'default'))!;

describe('pushing', () => {
  it('brings every machine to the planned state: whole at first, then only what changed', async () => {
    await machine('lb-1').start();
    await machine('lb-2').start();
    await until(() => isNewest('lb-1') && isNewest('lb-2'));
    const from = keeper.truth.counters.generation;
    await ensuring('a');
    await until(() => isNewest('lb-1') && isNewest('lb-2'));
    for (const name of ['lb-1', 'lb-2']) {
      expect(machine(name).updates).toEqual([`full ${from}`, `delta ${from}>${from + 1}`]);
      expect(isEqual(machine(name).state, planned(name))).toBe(true);
    }
  });

  it('never sends anything before the machine has said what it holds, and then above that epoch', async () => {
    machine('lb-1').version = { epoch: 70, generation: 9_000 };
    await machine('lb-1').start();
    await until(() => machine('lb-1').version.epoch === 71);
    expect(machine('lb-1').updates[0]).toMatch(/^full /);
    expect(keeper.truth.counters.epoch).toBe(71);
    await machine('lb-2').start();
    await until(() => isNewest('lb-2'));
  });

  it('to a slow machine does not hold up another, and what changed meanwhile goes as one', async () => {
    const slow = Promise.withResolvers<void>();
    await machine('lb-1').start();
    await machine('lb-2').start();
    await until(() => isNewest('lb-1') && isNewest('lb-2'));
    const from = keeper.truth.counters.generation;
    machine('lb-2').gate = slow.promise;
    for (let count = 0; count < 20; count++) {
      await ensuring(`s${count}`);
      await until(() => isNewest('lb-1'));
    }
    expect(lagOf(fleet.view('lb-1'), versionOf(keeper.truth))).toBe(0);
    expect(lagOf(fleet.view('lb-2'), versionOf(keeper.truth))).toBe(20);
    slow.resolve();
    await until(() => isNewest('lb-2'));
    expect(machine('lb-2').updates.slice(1)).toEqual([`delta ${from}>${from + 1}`, `delta ${from + 1}>${from + 20}`]);
    expect(isEqual(machine('lb-2').state, planned('lb-2'))).toBe(true);
  });

  it('goes on with a delta after a broken stream, and with the whole when the machine lost what it had', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    for (const forget of [false, true]) {
      await machine('lb-1').stop();
      await until(() => !fleet.view('lb-1').connected);
      expect(fleet.problemOf('lb-1')).toBeTruthy();
      const from = keeper.truth.counters.generation;
      await ensuring(`while-away-${forget}`);
      machine('lb-1').updates.length = 0;
      if (forget) machine('lb-1').version = { epoch: 0, generation: 0 };
      await machine('lb-1').start();
      await until(() => isNewest('lb-1'));
      expect(machine('lb-1').updates).toEqual([forget ? `full ${from + 1}` : `delta ${from}>${from + 1}`]);
      expect(isEqual(machine('lb-1').state, planned('lb-1'))).toBe(true);
    }
  });

  it('sends the whole when the machine says that the delta does not fit', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    machine('lb-1').version = { epoch: 1, generation: 0 };
    await ensuring('a');
    await until(() => isNewest('lb-1'));
    expect(machine('lb-1').updates.at(-1)).toMatch(/^full /);
  });

  it('by a new life of the cloudagent counts on, never back', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    await ensuring('a');
    await until(() => isNewest('lb-1'));
    const before = machine('lb-1').version;
    await fleet.stop();
    await begin();
    await until(() => isNewest('lb-1'));
    expect(machine('lb-1').version).toEqual({ epoch: before.epoch + 1, generation: before.generation });
  });

  it('stops when the machine obeys another cloudagent, and says so', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    machine('lb-1').version = { epoch: 99, generation: 1 };
    await ensuring('a');
    await until(() => fleet.problemOf('lb-1')?.includes('obeys another cloudagent') === true);
    const count = machine('lb-1').updates.length;
    await ensuring('b');
    machine('lb-1').report();
    await machine('lb-2').start();
    await until(() => isNewest('lb-2'));
    expect(machine('lb-1').updates).toHaveLength(count);
    expect(machine('lb-1').version).toEqual({ epoch: 99, generation: 1 });
  });

  it('carries the story of the change', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), sampled: true };
    await keeper.change((truth) => ensure(truth, service('a'), 1), trace);
    await until(() => isNewest('lb-1'));
    expect(machine('lb-1').traceparents.at(-1)).toContain(trace.traceId);
  });

  it('follows what is declared: a machine that is removed is let go, a new one is served', async () => {
    await machine('lb-1').start();
    await machine('lb-2').start();
    await until(() => isNewest('lb-1') && isNewest('lb-2'));
    const removal = { put: [], remove: ['Machine/lb-2'] };
    await keeper.change((truth) => applyResources(truth, removal, { siteName: 'test', now: 1 }));
    await ensuring('a');
    await until(() => isNewest('lb-1'));
    expect(machine('lb-1').state!.config.members.map(({ name }) => name)).toEqual(['lb-1']);
    expect(isNewest('lb-2')).toBe(false);
    const put = resourcesOf(siteYaml({ vips: 50 }));
    await keeper.change((truth) => applyResources(truth, { put, remove: [] }, { siteName: 'test', now: 1 }));
    await until(() => isNewest('lb-1') && isNewest('lb-2'));
  });
});

describe('a stream that has become old', () => {
  it('is begun again without the machine being gone for a moment, and nothing is lost', async () => {
    machine('lb-1').maxStreamAgeMs = 1_300;
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    const seen = new Set<boolean>();
    const stop = fleet.subscribe(() => seen.add(fleet.view('lb-1').connected));
    for (let count = 0; machine('lb-1').streams < 4; count++) {
      await ensuring(`s${count}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await until(() => isNewest('lb-1'));
    expect([...seen]).toEqual([true]);
    expect(machine('lb-1').updates.filter((update) => update.startsWith('full'))).toHaveLength(1);
    stop();
  });
});

describe('waiting for machines', () => {
  it('ends when every connected one has applied, and does not wait for one that is gone', async () => {
    const gate = Promise.withResolvers<void>();
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    await ensuring('a');
    await until(() => isNewest('lb-1'));
    machine('lb-1').gate = gate.promise;
    await keeper.change((truth) => remove(truth, 'uid-a', 1));
    let isDone = false;
    const settled = fleet
      .settled('default', keeper.truth.counters.generation, new AbortController().signal)
      .then(() => (isDone = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isDone).toBe(false);
    gate.resolve();
    await settled;
    expect(machine('lb-1').state!.loadBalancers.size).toBe(0);
  });

  it('ends with an error when whoever waits gives up', async () => {
    await machine('lb-1').start();
    await until(() => isNewest('lb-1'));
    const giveUp = AbortSignal.timeout(20);
    await expect(fleet.settled('default', 1_000_000, giveUp)).rejects.toThrow(/timeout/);
  });
});
