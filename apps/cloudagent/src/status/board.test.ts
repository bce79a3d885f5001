import type { MachineReport } from '@fairlead/model';
import { afterEach, describe, expect, it } from 'vitest';
import { ensure } from '../decisions/ensure.ts';
import { publish } from '../decisions/publish.ts';
import type { FleetListener } from '../push.ts';
import type { MachineView } from '../status.ts';
import { isReachable } from '../status.ts';
import { StatusBoard, type StatusChange } from './board.ts';
import { machineReport } from '../testing/machine-report.ts';
import { decide, service, truthOf } from '../testing/site.ts';
import type { Committed } from '../truth/truth-keeper.ts';
import type { Decision, Truth } from '../truth/truth.ts';

const NOW = 5_000;
const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop()));

const report = (generation: number): MachineReport =>
  machineReport({ applied: { epoch: 1, generation }, ownedInstances: ['default'] });

/** A board over a truth in memory, and one machine that owns everything and has applied what the test says. */
function site() {
  const truth = truthOf();
  let applied: number | undefined;
  let commit: (committed: Committed) => void = () => undefined;
  let hear: FleetListener = () => undefined;
  const machine = (): MachineView => ({
    name: 'lb-1',
    connected: true,
    report: report(applied ?? 0),
    acks: applied === undefined ? [] : [{ generation: applied, at: NOW }],
  });
  const change = async <Answer>(decision: (truth: Truth) => Decision<Answer>): Promise<Answer> => {
    const { answer, changes } = decision(truth);
    if (changes !== undefined) {
      truth.take(changes);
      commit({ changes, trace: undefined });
    }
    return answer;
  };
  const wish = (port: number) =>
    change((current) => ensure(current, service('front', { ports: [{ ...service('front').ports[0]!, port }] }), NOW));
  return {
    truth,
    change,
    wish,
    /** As a machine that acknowledges a push: nothing notable in it. */
    apply: (generation: number | undefined) => {
      applied = generation;
      hear('default', false);
    },
    open: () => {
      const board = new StatusBoard({
        keeper: { truth, change, subscribe: (listener) => ((commit = listener), () => undefined) },
        fleet: { viewsOf: () => [machine()], subscribe: (listener) => ((hear = listener), () => undefined) },
        now: () => NOW,
        onError: (error) => expect.unreachable(String(error)),
      });
      stops.push(() => board.stop());
      return board;
    },
  };
}

const looked = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const reachable = (changes: readonly StatusChange[]) => changes.map(({ status }) => status && isReachable(status));

describe('a load balancer that is published', () => {
  it('is told as reached when a machine has it again, after a restart with nothing else to tell', async () => {
    const { truth, wish, apply, open } = site();
    await wish(80);
    decide(truth, (current) => publish(current, new Map([['uid-front', truth.counters.generation]])));

    const board = open();
    expect([...board.all()].map(isReachable)).toEqual([false]);
    const told: StatusChange[] = [];
    board.subscribe((each) => told.push(each));
    apply(truth.counters.generation);
    await looked();
    expect(reachable(told)).toEqual([true]);
    expect([...board.all()].map(isReachable)).toEqual([true]);
  });

  it('that was changed is known as reached once a machine has applied the change', async () => {
    const { truth, wish, apply, open } = site();
    const board = open();
    await wish(80);
    apply(truth.counters.generation);
    await looked();
    expect([...board.all()]).toMatchObject([{ state: 'SERVING' }]);

    await wish(81);
    await looked();
    expect([...board.all()].map(isReachable)).toEqual([false]);
    apply(truth.counters.generation);
    await looked();
    expect([...board.all()].map(isReachable)).toEqual([true]);
  });

  it('is not told again for what machines apply of others', async () => {
    const { truth, wish, apply, open } = site();
    const board = open();
    await wish(80);
    apply(truth.counters.generation);
    await looked();
    const told: StatusChange[] = [];
    board.subscribe((each) => told.push(each));
    for (let more = 1; more < 5; more++) {
      apply(truth.counters.generation + more);
      await looked();
    }
    expect(told).toEqual([]);
  });
});
