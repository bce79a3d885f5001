import { beginWithOneBackend, fillBoth, RELOADING, retargetByReload, retargetService } from '../machine/contenders.ts';
import { startRig } from '../machine/rig.ts';
import { inTurns, type Scenario } from '../scenario.ts';

/** How soon another backend is what a Service's traffic reaches. */
export const backendChange: Scenario = {
  name: 'backend-change',
  title: 'A changed backend is live',
  async run({ quick, tell, ...context }) {
    const size = quick ? 30 : 5000;
    const rig = await startRig(context);
    try {
      tell(`${size} services`);
      await fillBoth(rig, size);
      await beginWithOneBackend(rig, 3);
      await retargetService(rig, 3, quick ? 1 : 15);
      const { ours, theirs } = await inTurns(quick ? 1 : 6, {
        ours: () => retargetService(rig, 3, quick ? 2 : 25),
        theirs: (turn) => retargetByReload(rig, 3, turn % 2 === 0 ? 'node-2' : 'node-1'),
      });
      return {
        how: HOW,
        figures: [
          {
            name: `one of ${size.toLocaleString('en')} services`,
            unit: 'ms',
            turns: ours,
            baseline: { name: RELOADING, turns: theirs },
            goals: [
              { of: 'p99', atMost: 5 },
              { of: 'ratio', atMost: 1 / 50 },
            ],
          },
        ],
      };
    } finally {
      await rig.machines.down();
    }
  },
};

const HOW =
  'On the rig of a new Service on the LB machine: the only backend of one service is exchanged for another. Seen by traffic: a client connects to the ' +
  'address again and again, a millisecond after each answer; what counts is the time from sending the update ' +
  'until the first answer of the new backend has arrived. Changes come 20 to 180 ms after each other, so that some meet lbagent writing ' +
  'its files or looking at what is there.';
