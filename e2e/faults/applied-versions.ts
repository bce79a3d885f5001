import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { PORTS } from '../lab/site/apps.ts';
import { readMetrics } from './metrics.ts';

/** What a machine said, again and again, that it has applied. */
export interface AppliedVersions {
  /** Stops asking. Each step back, as EPOCH.GENERATION → EPOCH.GENERATION. */
  stop(): Promise<readonly string[]>;
}

/** Asks lbagent itself, on its own host, every 200 ms. */
export function followAppliedVersions(lab: Lab, machine: { name: string; address: string }): AppliedVersions {
  const stepsBack: string[] = [];
  const stopping = new AbortController();
  const follow = async (): Promise<void> => {
    let last = { epoch: 0, generation: 0 };
    while (!stopping.signal.aborted) {
      const metrics = await readMetrics(lab, machine, PORTS.lbagentMetrics).catch(() => undefined);
      const epoch = metrics?.get('fairlead_lbagent_applied_epoch');
      const generation = metrics?.get('fairlead_lbagent_applied_generation');
      if (epoch !== undefined && generation !== undefined) {
        const isOlder = epoch < last.epoch || (epoch === last.epoch && generation < last.generation);
        if (isOlder) stepsBack.push(`${last.epoch}.${last.generation} → ${epoch}.${generation}`);
        last = { epoch, generation };
      }
      await sleep(200);
    }
  };
  const following = follow();
  return {
    stop: async () => {
      stopping.abort();
      await following;
      return stepsBack;
    },
  };
}
