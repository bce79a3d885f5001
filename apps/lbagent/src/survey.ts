import {
  type CommandSocket,
  parseInfo,
  parseServiceMap,
  readCurrentWorkerInfo,
  readServersState,
  withoutTimes,
} from '@fairlead/haproxy';
import type { MachineConfig } from '@fairlead/model';
import { hash } from 'node:crypto';
import type { View } from './planning/advance.ts';
import { findDifference } from './planning/difference.ts';
import { inSlices } from './pace/in-slices.ts';
import type { PassParts } from './pass.ts';
import type { Urgency } from './pace/urgency.ts';

export interface SurveyParts extends PassParts {
  /** A connection of its own: its long replies must not stand before a change. */
  readonly surveySocket: CommandSocket;
  readonly urgency: Urgency;
}

export interface Survey {
  /** Why everything should be looked at and planned anew; undefined: all is as the view has it. */
  readonly difference: string | undefined;
  /** Things of the kernel's base and of the files that were put right. */
  readonly repairs: readonly string[];
  /** What a person should know of keepalived. */
  readonly findings: readonly string[];
}

/**
 * Looks at all that is there, beside the changes that go on meanwhile and without keeping them waiting. What says the
 * very same as the last time is not compared again. Throws when something does not answer.
 */
export type LookAround = (view: View, config: MachineConfig) => Promise<Survey>;

export function createSurvey(parts: SurveyParts): LookAround {
  const { plane, surveySocket, urgency } = parts;
  /** What was there when nothing differed from the view. */
  let agreed: { readonly view: View; readonly words: readonly unknown[] } | undefined;

  async function differenceFrom(view: View): Promise<{ difference: string | undefined; base: 'intact' | 'other' }> {
    const isUntouched = view.touched.size === 0;
    view.touched.clear();
    await readCurrentWorkerInfo(surveySocket);
    const commands = ['show info', 'show servers state', `show map ${plane.mapFile}`];
    const [said, servers, services] = (await surveySocket.run(commands)) as [string, string, string];
    const info = parseInfo(said);
    const nft = await plane.nftables.observe();
    const forwarding = await plane.forwarding.observe();
    const links = await plane.links.observe();
    if (nft.base !== 'intact' || forwarding.base === 'altered') {
      agreed = undefined;
      const difference = `nftables table is ${nft.base}, UDP forwarding ${forwarding.base}`;
      return { difference, base: nft.base === 'intact' ? 'intact' : 'other' };
    }
    const { forwards } = forwarding;
    const words = [info.pid, hash('sha1', withoutTimes(servers)), hash('sha1', services), nft, forwards, links];
    const isKnown = isUntouched && agreed?.view === view && agreed.words.every((each, index) => each === words[index]);
    if (isKnown) return { difference: undefined, base: 'intact' };
    const { caught, limits } = nft;
    const seen = {
      info,
      servers: readServersState(servers),
      ...parseServiceMap(services),
      caught,
      limits,
      forwards,
      links,
    };
    const difference = await inSlices(findDifference(view, seen), urgency);
    agreed = difference === undefined ? { view, words } : undefined;
    return { difference, base: 'intact' };
  }

  return async (view, config) => {
    const { difference, base } = await differenceFrom(view);
    // What is amiss with the table is put right together with what was in it.
    const kernel = base === 'intact' ? await parts.kernel.ensure(config, base) : [];
    const repairs = [...kernel, ...(await parts.podWays.repair()), ...(await parts.haproxy.verify())];
    const findings = [
      ...(await parts.ownership.ensure(config, true)),
      ...(await parts.plane.forwarding.problems()),
      ...parts.podWays.problems(),
    ];
    return { difference, repairs, findings };
  };
}
