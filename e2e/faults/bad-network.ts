import { parseAllDocuments } from 'yaml';
import { buildPrograms } from '../../tools/build.ts';
import type { Lab } from '../lab/lab.ts';
import { PORTS, SITE_FILE } from '../lab/site/apps.ts';
import type { SiteHost } from '../lab/site/plan.ts';

/** What of a machine's packets is lost, both ways. */
export type Losing = 'all' | 'control connection';

const TABLE = 'badnetwork';

/**
 * Drops that share of a machine's packets without a word to anybody, 0 to 100 percent. By nftables on the machine
 * itself, because not every kernel has netem.
 */
export async function losePackets(lab: Lab, machine: string, losing: Losing, percent: number): Promise<void> {
  const what = losing === 'all' ? '' : `tcp sport ${PORTS.lbagent} `;
  const into = losing === 'all' ? '' : `tcp dport ${PORTS.lbagent} `;
  const verdict = percent >= 100 ? 'drop' : `numgen random mod 100 < ${percent} drop`;
  const rules = `table inet ${TABLE} {
    chain in { type filter hook input priority -300; iifname "lo" accept; ${into}${verdict}; }
    chain out { type filter hook output priority -300; oifname "lo" accept; ${what}${verdict}; }
  }`;
  await lab.must(machine, ['nft', '-f', '-'], { stdin: rules });
}

/** Everything arrives again. */
export async function loseNothing(lab: Lab, machine: string): Promise<void> {
  await lab.exec(machine, ['nft', 'delete', 'table', 'inet', TABLE]);
}

const FAR_PORT = 7530;

/** Puts a machine so far away from the cloudagent that everything takes `delayMs` longer each way. */
export async function moveFarAway(lab: Lab, machine: SiteHost, delayMs: number): Promise<void> {
  const { forwarder } = await buildPrograms();
  await lab.run({
    host: machine.name,
    name: 'link',
    argv: [process.execPath, forwarder, 'link', ...linkArguments(machine.address, delayMs)],
    ready: { kind: 'tcp', address: machine.address, port: FAR_PORT },
  });
  await setAgentPort(lab, machine.name, FAR_PORT);
}

/** The reverse. */
export async function moveBack(lab: Lab, machine: string): Promise<void> {
  await setAgentPort(lab, machine, undefined);
  await lab.kill(machine, 'link');
}

function linkArguments(address: string, delayMs: number): string[] {
  return [`--listen=${address}:${FAR_PORT}`, `--target=${address}:${PORTS.lbagent}`, `--delay=${delayMs}`];
}

/** In the site's files, which the cloudagent follows. */
async function setAgentPort(lab: Lab, machine: string, port: number | undefined): Promise<void> {
  const host = lab.site.cloudagent.name;
  const documents = parseAllDocuments(await lab.readFile(host, SITE_FILE));
  for (const document of documents) {
    if (document.get('kind') !== 'Machine' || document.getIn(['metadata', 'name']) !== machine) continue;
    if (port === undefined) document.deleteIn(['spec', 'agentPort']);
    else document.setIn(['spec', 'agentPort'], port);
  }
  await lab.writeFile(host, SITE_FILE, documents.map(String).join(''));
}
