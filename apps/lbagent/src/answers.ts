import { pause, systemClock } from '@fairlead/control-loop';
import type { Address, PlacedLoadBalancer, Protocol } from '@fairlead/model';
import { askBackend } from './ask-backend.ts';
import type { Wanted, WantedService } from './wanted.ts';

/** Whether a backend is there: a connection is accepted, or a datagram is not refused; never rejects. */
export type Ask = (address: Address, port: number, protocol: Protocol) => Promise<boolean>;

/** By id. */
type LoadBalancers = ReadonlyMap<string, Pick<PlacedLoadBalancer, 'loadBalancer' | 'addresses'>>;

/** Knows which new load balancers no backend has answered for: until one has, their address is not published. */
export interface Answers {
  /**
   * The ids of load balancers that expect an answer and are still without one, in order, now that `wanted` is served.
   * What was served at the first call counts as answered. New ones, and those that got another address, are asked for
   * until every port of their new addresses has answered.
   */
  follow(wanted: Wanted, loadBalancers: LoadBalancers): readonly string[];
  stop(): void;
}

/** `onAnswer` is told what is left whenever one has answered. */
export function followAnswers(onAnswer: (unanswered: readonly string[]) => void, ask: Ask = askBackend): Answers {
  let known: LoadBalancers | undefined;
  const asking = new Map<string, AbortController>();
  const unanswered = (): readonly string[] => [...asking.keys()].sort();
  let services: ReadonlyMap<string, WantedService> = new Map();

  async function askFor(id: string, known: ReadonlySet<Address>, signal: AbortSignal): Promise<void> {
    const answered = new Set([...services.values()].filter(({ vip }) => known.has(vip)).map(({ key }) => key));
    for (let round = 0; !signal.aborted; round += 1) {
      const open = [...services.values()].filter(
        ({ loadBalancerId, key }) => loadBalancerId === id && !answered.has(key),
      );
      if (open.length === 0) break;
      for (const { key, servers, protocol } of open) {
        const server = servers[round % servers.length];
        if (server && (await ask(server.address, server.port, protocol))) answered.add(key);
      }
      // One backend after the other without a wait; then all of them again.
      if ((round + 1) % Math.max(1, open[0]!.servers.length) === 0) await pause(systemClock, AGAIN_MS, signal);
    }
    if (signal.aborted) return;
    asking.delete(id);
    onAnswer(unanswered());
  }

  return {
    follow(wanted, loadBalancers) {
      ({ services } = wanted);
      const before = known;
      known = loadBalancers;
      if (before === loadBalancers) return unanswered();
      for (const [id, { loadBalancer, addresses }] of loadBalancers) {
        if (!before || !loadBalancer.expectsAnswer || wanted.refused.has(id)) continue;
        const known = new Set(before.get(id)?.addresses.map(({ address }) => address));
        if (before.has(id) && addresses.every(({ address }) => known.has(address))) continue;
        // Asked already for another address of its own: what that has not answered yet is asked again.
        const unanswered = asking.get(id);
        unanswered?.abort();
        const abort = new AbortController();
        asking.set(id, abort);
        void askFor(id, unanswered === undefined ? known : new Set(), abort.signal);
      }
      for (const [id, abort] of asking) {
        if (loadBalancers.has(id)) continue;
        abort.abort();
        asking.delete(id);
      }
      return unanswered();
    },
    stop() {
      for (const abort of asking.values()) abort.abort();
      asking.clear();
    },
  };
}

/** Between two rounds over the backends of a load balancer. A node opens a NodePort within a second or two. */
const AGAIN_MS = 20;
