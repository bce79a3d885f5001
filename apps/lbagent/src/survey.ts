import {
  type CommandSocket,
  parseInfo,
  parseServiceMap,
  readCurrentWorkerInfo,
  readServersState,
} from '@fairlead/haproxy';
import type { MachineConfig } from '@fairlead/model';
import type { View } from './advance.ts';
import { findDifference } from './difference.ts';
import { inSlices } from './in-slices.ts';
import type { PassParts } from './pass.ts';

export interface SurveyParts extends PassParts {
  /** A connection of its own: its long replies must not stand before a change. */
  readonly surveySocket: CommandSocket;
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
 * Looks at all that is there, beside the changes that go on meanwhile and without keeping them waiting. Throws when
 * something does not answer.
 */
export async function survey(view: View, config: MachineConfig, parts: SurveyParts): Promise<Survey> {
  const { plane, surveySocket } = parts;
  view.touched.clear();
  await readCurrentWorkerInfo(surveySocket);
  const commands = ['show info', 'show servers state', `show map ${plane.mapFile}`];
  const [info, servers, services] = (await surveySocket.run(commands)) as [string, string, string];
  const { base, caught, limits } = await plane.nftables.observe();
  const forwarding = await plane.forwarding.observe();
  const links = await plane.links.observe();
  const seen = {
    info: parseInfo(info),
    servers: readServersState(servers),
    ...parseServiceMap(services),
    caught,
    limits,
    forwards: forwarding.forwards,
    links,
  };
  const isWhole = base === 'intact' && forwarding.base !== 'altered';
  const difference = isWhole
    ? await inSlices(findDifference(view, seen))
    : `nftables table is ${base}, UDP forwarding ${forwarding.base}`;
  // What is amiss with the table is put right together with what was in it.
  const kernel = base === 'intact' ? await parts.kernel.ensure(config, base) : [];
  const repairs = [...kernel, ...(await parts.podWays.repair()), ...(await parts.haproxy.verify())];
  const findings = [
    ...(await parts.ownership.ensure(config, true)),
    ...(await parts.plane.forwarding.problems()),
    ...parts.podWays.problems(),
  ];
  return { difference, repairs, findings };
}
