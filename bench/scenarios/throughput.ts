import { compared, eachWay, PLAIN_HAPROXY, SETTING } from '../load/each-way.ts';
import { iperf } from '../load/iperf.ts';
import { parseIperf } from '../load/output.ts';
import { startLoadedRig } from '../load/rig.ts';
import type { Scenario } from '../scenario.ts';

/** How many bytes get through an address. */
export const throughput: Scenario = {
  name: 'throughput',
  title: 'Throughput through an address',
  async run(context) {
    const { quick, tell } = context;
    const rig = await startLoadedRig(context, 'haproxy');
    try {
      const measure = async (name: string, connections: number) => {
        tell(name);
        const options = ['--reverse', '--parallel', `${connections}`];
        const seen = await eachWay(quick ? 1 : 18, (way) => iperf(rig, { way, options }, parseIperf));
        return compared({ name, unit: 'MB/s', plain: PLAIN_HAPROXY, goals: GOALS }, seen, (rate) => rate);
      };
      return {
        how: HOW,
        figures: [...(await measure('one connection', 1)), ...(await measure('four connections', 4))],
      };
    } finally {
      await rig.machines.down();
    }
  },
};

const GOALS = [{ of: 'ratio', atLeast: 0.98 }] as const;

const HOW =
  `${SETTING} iperf3 takes from one node. The baseline is HAProxy bound to the address, with the same defaults ` +
  'and backend, and no other service, on a machine alike.';
