import type { Address } from '@fairlead/model';
import { formatEndpoint } from '@fairlead/model';
import { hash32 } from './hash.ts';
import { affinityTable } from './profile.ts';

/** The machines of a set, who tell each other which client goes to which server. */
export interface Peers {
  /** Which of the members this machine is. */
  readonly local: string;
  readonly port: number;
  readonly members: readonly Peer[];
}

export interface Peer {
  readonly name: string;
  readonly address: Address;
}

/** An empty backend by which one sees that a worker has loaded these peers, and not those of before. */
export function peersMark(peers: Peers): string {
  return `peers_${hash32(peerLines(peers).join('\n')).toString(16).padStart(8, '0')}`;
}

/**
 * The peers, with this machine itself among them: its worker hands its memory over to the one that follows it. `seconds`:
 * the time-outs for which a table is needed. A table knows servers by their address and port, so that neither their names
 * nor their order have to agree between machines, and a name that comes to mean another server takes no client along.
 */
export function renderAffinity(peers: Peers | undefined, seconds: readonly number[]): string {
  const shared = peers ? ` peers ${SECTION}` : '';
  const tables = [...new Set(seconds)]
    .sort((a, b) => a - b)
    .map(
      (each) =>
        `backend ${affinityTable(each)}\n    stick-table type string len ${KEY_LENGTH} size ${CLIENTS} expire ${each}s srvkey addr${shared}\n`,
    );
  const section = peers ? [`peers ${SECTION}\n${peerLines(peers).join('\n')}\nbackend ${peersMark(peers)}\n`] : [];
  return [...section, ...tables].join('\n');
}

const SECTION = 'fairlead';

/** Client, VIP and port, in their longest forms. */
const KEY_LENGTH = 96;

/** Per time-out; beyond, who has been away longest is forgotten first. */
export const CLIENTS = 200_000;

function peerLines({ local, port, members }: Peers): readonly string[] {
  const others = members.filter((member) => member.name !== local);
  const self = members.find((member) => member.name === local);
  if (!self) throw new Error(`${local} is not among the peers ${members.map(({ name }) => name).join(', ')}`);
  return [
    // The link may get its address after HAProxy has started, and that must not keep it from starting.
    `    bind ${formatEndpoint(self.address, port)} transparent`,
    `    server ${peerName(local)}`,
    ...others
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, address }) => `    server ${peerName(name)} ${formatEndpoint(address, port)}`),
  ];
}

/** As it stands in haproxy.cfg. Throws on anything but plain characters. */
export function peerName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)) {
    throw new Error(`${JSON.stringify(text.slice(0, 64))} cannot be a peer's name: refuse it before rendering`);
  }
  return text;
}
