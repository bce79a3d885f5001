import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { View } from './advance.ts';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import { inOrder } from './step.ts';
import { carryOut, viewFor } from '../testing/fresh-view.ts';
import { filesOf, nftOf } from '../testing/rendered.ts';
import { reversed, type Truth, truth } from '../testing/wishes.ts';
import { createWantedReader, type Wanted, wantedOf } from '../wanted/wanted.ts';

const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const ROUNDS = { numRuns: 100 };
const history = fc.array(truth, { maxLength: 3 });
const wantedFor = ({ state, options }: Truth): Wanted => wantedOf(state, options);

/** Goes through the truths, one after the other, until each is served and every check passes. */
function live(wishes: readonly Wanted[], view: View): View {
  for (const wanted of wishes) {
    for (let turn = 0; turn < 3; turn++) {
      carryOut(plan(wanted, view, OPTIONS).steps, view);
      for (const { servers } of view.worker.backends.values()) {
        for (const [name, server] of servers) if (!server.maintenance) servers.set(name, { ...server, up: true });
      }
    }
  }
  return view;
}

/** Where a client gets who comes now: what each service is open to, and which servers it has, whatever their names. */
function seenByClients(wanted: Wanted, view: View): unknown {
  const services = inOrder(view.worker.services).map(([key, backend]) => {
    const { servers } = view.worker.backends.get(backend)!;
    const open = [...servers.values()].filter(({ maintenance }) => !maintenance);
    return [key, view.worker.quotas.get(key), open.map(({ id, address, port }) => `${id} ${address} ${port}`).sort()];
  });
  const { forwards } = plan(wanted, view, OPTIONS);
  return {
    services,
    forwards: [...forwards].map(([key, { backends }]) => [key, backends]),
    caught: new Set(view.caught.keys()),
    limits: view.limits,
    addresses: new Set(view.addresses.keys()),
  };
}

it('machines that are told the same write the same files, whatever they were told before and in whatever order', () => {
  fc.assert(
    fc.property(history, truth, (before, now) => {
      const read = createWantedReader();
      for (const { state, options } of before) read(state, options);
      const expected = filesOf(wantedFor(now));
      expect(filesOf(read(now.state, now.options))).toBe(expected);
      expect(filesOf(wantedFor(reversed(now)))).toBe(expected);
    }),
    ROUNDS,
  );
});

it('and tell the kernel the same', () => {
  fc.assert(
    fc.property(truth, (now) => {
      const [one, other] = [wantedFor(now), wantedFor(reversed(now))];
      expect(nftOf(plan(other, viewFor(one), OPTIONS))).toEqual(nftOf(plan(one, viewFor(one), OPTIONS)));
    }),
    ROUNDS,
  );
});

it('the files of two machines of a set differ in what each is called, and in nothing else', () => {
  const anonymous = (text: string): string =>
    text.replace(/^ {4}(description|localpeer) .*\n/gm, '').replace(/^peers fairlead\n(.+\n)+/m, '');
  fc.assert(
    fc.property(truth, ({ state, options }) => {
      const [first, second] = ['lb-1', 'lb-2'].map((machine) =>
        filesOf(wantedOf({ ...state, config: { ...state.config, machine } }, options)),
      );
      expect(first).not.toBe(second);
      expect(anonymous(second!)).toBe(anonymous(first!));
    }),
    { numRuns: 50 },
  );
});

it('clients of machines with other pasts get the same: backends, limits, addresses', () => {
  fc.assert(
    fc.property(history, history, truth, (past, otherPast, now) => {
      const wanted = wantedFor(now);
      const [one, other] = [past, otherPast].map((each) => [...each.map(wantedFor), wanted]) as [Wanted[], Wanted[]];
      const views = [one, other].map((wishes) => live(wishes, viewFor(...one, ...other)));
      expect(seenByClients(wanted, views[1]!)).toEqual(seenByClients(wanted, views[0]!));
    }),
    ROUNDS,
  );
});
