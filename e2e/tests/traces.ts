import type { Lab } from '../lab/lab.ts';

/** Every place on an LB machine where an address is still to be found: links, nftables, and HAProxy's file and memory. */
export async function tracesOf(lab: Lab, machine: string, address: string): Promise<string[]> {
  const socket = '/run/fairlead/haproxy.sock';
  const places: Record<string, () => Promise<string>> = {
    link: () => lab.must(machine, ['ip', '-o', 'address']),
    nftables: () => lab.must(machine, ['nft', 'list', 'ruleset']),
    'haproxy.cfg': () => lab.readFile(machine, '/etc/haproxy/haproxy.cfg'),
    'haproxy map': () => lab.must(machine, ['curl', '-s', '--unix-socket', socket, 'x']).catch(() => ''),
  };
  const found: string[] = [];
  for (const [place, read] of Object.entries(places)) {
    if (new RegExp(`(?<![\\d.])${address.replaceAll('.', '\\.')}(?![\\d.])`).test(await read())) found.push(place);
  }
  return found;
}
