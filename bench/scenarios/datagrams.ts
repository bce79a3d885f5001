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
      tell('eight flows');
      const seen = await eachWay(quick ? 1 : 36, (way) => iperf(rig, { way, options: OPTIONS }, parseIperfUdp));
      const figure = { name: 'datagrams of eight flows', unit: '1/s', plain: PLAIN_DNAT, goals: GOALS } as const;
      return { how: HOW, figures: compared(figure, seen, (rate) => rate) };
    } finally {
      await rig.machines.down();
    }
  },
};

const OPTIONS = ['--udp', '--length', '64', '--bitrate', '0', '--parallel', '8'];
const PLAIN_DNAT = 'nftables with one rule `dnat to` for the address and one `masquerade`, and nothing else';

/** Every packet is looked up in a few sets more than the baseline's: that may cost a twentieth. */
const GOALS = [{ of: 'ratio', atLeast: 0.95 }] as const;

const HOW =
  `${SETTING} iperf3 sends datagrams of 64 bytes to one node, as many as it can; those that arrive are counted. ` +
  'The baseline forwards on a machine alike; without `masquerade` no answer would find its way back.';
