import type { Lab } from '../lab/lab.ts';
import { diskOf } from '../lab/protocol.ts';

/** One line of the watch: what a Service said at one moment. */
export interface Saying {
  readonly event: string;
  readonly uid: string;
  readonly name: string;
  /** Empty: none. */
  readonly address: string;
  readonly deleting: boolean;
}

/** Everything that Services ever said of their addresses, and what of it should never have been said. */
export class ServiceHistory {
  readonly #saidBy = new Map<string, { name: string; addresses: Set<string> }>();
  readonly #now = new Map<string, Saying>();
  readonly #wrongs: string[] = [];

  /** What must not be: another address than before for one Service, or one address for two that live. Each one sentence. */
  get wrongs(): readonly string[] {
    return this.#wrongs;
  }

  /** How many Services have ever had an address. */
  get served(): number {
    return [...this.#saidBy.values()].filter(({ addresses }) => addresses.size > 0).length;
  }

  take(saying: Saying): void {
    const { event, uid, name, address, deleting } = saying;
    if (event === 'DELETED' || deleting) {
      this.#now.delete(uid);
      return;
    }
    const said = this.#saidBy.get(uid) ?? { name, addresses: new Set<string>() };
    this.#saidBy.set(uid, said);
    if (address !== '' && !said.addresses.has(address)) {
      if (said.addresses.size > 0)
        this.#wrongs.push(`${name} (${uid}) had ${[...said.addresses].join()}, then ${address}.`);
      said.addresses.add(address);
      for (const other of this.#now.values()) {
        if (other.uid !== uid && other.address === address)
          this.#wrongs.push(`${name} said ${address} while ${other.name} did.`);
      }
    }
    if (address === '' && (this.#now.get(uid)?.address ?? '') !== '') {
      this.#wrongs.push(`${name} (${uid}) lost its address ${this.#now.get(uid)!.address}.`);
    }
    this.#now.set(uid, saying);
  }
}

const COLUMNS = [
  'EVENT:.type',
  'UID:.object.metadata.uid',
  'NAME:.object.metadata.name',
  'DELETED:.object.metadata.deletionTimestamp',
  'ADDRESS:.object.status.loadBalancer.ingress[0].ip',
];

/** PURE. Reads a line of `kubectl get services --watch` with the columns above; undefined for the heading. */
export function readSaying(line: string): Saying | undefined {
  const [event = '', uid = '', name = '', deleted = '', address = ''] = line.trim().split(/\s+/);
  if (event === '' || event === 'EVENT') return undefined;
  return { event, uid, name, deleting: deleted !== '<none>', address: address === '<none>' ? '' : address };
}

/** Follows all Services of the default namespace until it is stopped. The API server must live meanwhile. */
export function followServices(lab: Lab): { readonly history: ServiceHistory; stop(): Promise<void> } {
  const { name } = lab.site.control;
  const history = new ServiceHistory();
  const command = lab.spawn(name, [
    `${lab.kubernetes!.bin}/kubectl`,
    `--kubeconfig=${diskOf(name)}/etc/kubernetes/admin.kubeconfig`,
    'get',
    'services',
    '--watch',
    '--output-watch-events',
    `--output=custom-columns=${COLUMNS.join(',')}`,
  ]);
  command.onLine((line) => {
    const saying = readSaying(line);
    if (saying !== undefined) history.take(saying);
  });
  return {
    history,
    stop: async () => {
      command.signal('SIGKILL');
      await command.ended.catch(() => undefined);
    },
  };
}
