import { compared, eachWay, SETTING } from '../load/each-way.ts';
import { iperf } from '../load/iperf.ts';
import { parseIperfUdp } from '../load/output.ts';
import { startLoadedRig } from '../load/rig.ts';
import type { Scenario } from '../scenario.ts';

/** How many UDP datagrams get through an address. */
export const datagrams: Scenario = {
  name: 'datagrams',
  title: 'UDP datagrams through an address',
  async run(context) {
    const { quick, tell } = context;
    const rig = await startLoadedRig(context, 'dnat');
    try {
      const measure = async (name: string, flows: number) => {
        tell(name);
        const options = ['--udp', '--length', '64', '--bitrate', '0', '--parallel', `${flows}`];
        const seconds = quick ? 1 : 2;
        const seen = await eachWay(quick ? 1 : 12, (way) => iperf(rig, { way, seconds, options }, parseIperfUdp));
        return compared({ name, unit: '1/s', plain: PLAIN_DNAT, goals: GOALS }, seen, ({ perSecond }) => perSecond);
      };
      return { how: HOW, figures: [...(await measure('one flow', 1)), ...(await measure('eight flows', 8))] };
    } finally {
      await rig.machines.down();
    }
  },
};

const PLAIN_DNAT = 'nftables with one rule `dnat to` for the address and one `masquerade`, and nothing else';

/** Every packet is looked up in a few sets more than the baseline's: that may cost a twentieth. */
const GOALS = [{ of: 'ratio', atLeast: 0.95 }] as const;

const HOW =
  `${SETTING} iperf3 sends datagrams of 64 bytes to one node, as many as it can, two seconds a turn; those that arrive are counted. ` +
  'The baseline forwards on a machine alike; without `masquerade` no answer would find its way back.';
