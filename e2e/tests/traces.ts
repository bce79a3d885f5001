import type { Lab } from '../lab/lab.ts';
import { textOf } from '../oracle/observe.ts';

/** Where an address leaves a trace on every machine of its set, whether or not that machine owns it. */
export const SERVED_AT = ['nftables', 'haproxy.cfg', 'services.map', 'haproxy map'];

/**
 * Every place on an LB machine where an address is still to be found: links, nftables, and HAProxy's files and memory.
 * Throws when HAProxy there does not say what it has in memory.
 */
export async function tracesOf(lab: Lab, machine: string, address: string): Promise<string[]> {
  const { links, map, config, running } = await textOf(lab, machine);
  if (running === undefined) throw new Error(`HAProxy on ${machine} does not answer: look at its log`);
  const places: Record<string, string> = {
    link: links,
    nftables: await lab.must(machine, ['nft', 'list', 'ruleset']),
    'haproxy.cfg': config,
    'services.map': map,
    'haproxy map': running.map,
    'haproxy servers': running.serversState,
  };
  const more = address.includes(':') ? '[\\da-f:]' : '[\\d.]';
  const trace = new RegExp(`(?<!${more})${address.replaceAll('.', '\\.')}(?!${more})`);
  return Object.keys(places).filter((place) => trace.test(places[place]!));
}
