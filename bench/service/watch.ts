import type { ApiClient } from '../../e2e/lab/kubernetes/api-client.ts';
import { nowNs } from '../machine/protocol.ts';
import { type Service, SERVICES } from './services.ts';

const PATIENCE_MS = 120_000;

export interface Seen {
  readonly atNs: number;
  readonly service: Service;
}

interface Wish {
  readonly wanted: (service: Service | undefined) => boolean;
  readonly fulfil: (seen: Seen | undefined) => void;
}

/** All Services of the cluster, as a watch shows them. */
export class ServiceWatch {
  readonly #seen = new Map<string, Seen & { readonly changes: number }>();
  readonly #wishes = new Map<string, Wish[]>();

  /** Resolves when all that are there are known. */
  static async start(api: ApiClient): Promise<ServiceWatch> {
    const watch = new ServiceWatch();
    const { promise: listed, resolve } = Promise.withResolvers<void>();
    void api.follow<Service>(
      // A watch that ends during a measurement would tell late what happens meanwhile.
      `${SERVICES}?timeoutSeconds=7200`,
      (all) => {
        watch.#seeAll(all);
        resolve();
      },
      (type, service) => (type === 'DELETED' ? watch.#lose(service.metadata.name) : watch.#see(service)),
    );
    await listed;
    return watch;
  }

  /** When it first had an address; throws after two minutes. */
  address(name: string): Promise<Seen> {
    return this.#until(name, 'no address', (service) => addressOf(service) !== undefined) as Promise<Seen>;
  }

  /** When it was there; throws after two minutes. */
  existence(name: string): Promise<Seen> {
    return this.#until(name, 'not been seen', (service) => service !== undefined) as Promise<Seen>;
  }

  async gone(name: string): Promise<void> {
    await this.#until(name, 'not gone', (service) => service === undefined);
  }

  /** Since it was created, or this watch began. */
  changes(name: string): number {
    return this.#seen.get(name)?.changes ?? 0;
  }

  #seeAll(all: readonly Service[]): void {
    const names = new Set(all.map(({ metadata }) => metadata.name));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#lose(name);
    for (const service of all) this.#see(service);
  }

  #see(service: Service): void {
    const { name } = service.metadata;
    const before = this.#seen.get(name);
    this.#seen.set(name, { atNs: nowNs(), service, changes: before ? before.changes + 1 : 0 });
    this.#tell(name);
  }

  #lose(name: string): void {
    this.#seen.delete(name);
    this.#tell(name);
  }

  #tell(name: string): void {
    const seen = this.#seen.get(name);
    const wishes = this.#wishes.get(name) ?? [];
    const open = wishes.filter(({ wanted, fulfil }) => {
      if (!wanted(seen?.service)) return true;
      fulfil(seen);
      return false;
    });
    if (open.length > 0) this.#wishes.set(name, open);
    else this.#wishes.delete(name);
  }

  #until(name: string, lacks: string, wanted: Wish['wanted']): Promise<Seen | undefined> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} has ${lacks} after two minutes`)), PATIENCE_MS);
      const fulfil = (seen: Seen | undefined) => {
        clearTimeout(timer);
        resolve(seen);
      };
      this.#wishes.set(name, [...(this.#wishes.get(name) ?? []), { wanted, fulfil }]);
      this.#tell(name);
    });
  }
}

export function addressOf(service: Service | undefined): string | undefined {
  return service?.status.loadBalancer.ingress?.[0]?.ip;
}
