import type { Address, PlacedLoadBalancer, Protocol } from '@fairlead/model';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ask, startAsking } from './asking.ts';
import { type Awaited, placeText } from '../wanted/awaited.ts';
import { changesBetween } from '../wanted/changes.ts';
import type { Wanted, WantedServer, WantedService } from '../wanted/wanted.ts';

/** By id. */
type LoadBalancers = ReadonlyMap<string, Pick<PlacedLoadBalancer, 'loadBalancer' | 'addresses'>>;

/** What has not answered yet. The same object for as long as it is the same. */
export interface Unanswered {
  /** Ids of load balancers with new addresses that do not serve yet, in order: they are not published. */
  readonly loadBalancers: readonly string[];
  /** Keys of services of those that a backend has answered for: they serve as soon as the data plane counts one alive. */
  readonly unseen: readonly string[];
  /** Servers that get no connection yet. */
  readonly servers: Awaited;
}

/**
 * Knows which new servers have not answered yet. A node opens a NodePort, or opens it to those who come by way of another
 * node, some time after the Service says so, and each node and each family in its own time. So a NodePort gets
 * connections only once it has answered this machine, or not within ten seconds.
 */
export interface Answers {
  /**
   * What is to be waited for before `wanted` is whole. What was wanted at the first call counts as answered, and so does
   * what belongs to a new load balancer that expects no answer.
   */
  follow(wanted: Wanted, loadBalancers: LoadBalancers): Unanswered;
  /** The data plane was seen to have a living backend for these services of `unseen`; what is left to wait for. */
  see(keys: readonly string[]): Unanswered;
  /**
   * After a call of `follow` that began to wait for many services at once, as for all with a new node: resolves when no
   * more answers come, within a fifth of a second. Otherwise at once.
   */
  mostHeard(): Promise<void>;
  stop(): void;
}

/** After so long it is left to the checks: milliseconds. */
const PATIENCE_MS = 10_000;

/** Services that begin to wait together; to plan them all for nothing takes longer than to hear the answers. */
const MANY = 50;
/** The first answer is waited for so long, the next no longer than a lull, and all together the longest. */
const FIRST_MS = 100;
const LULL_MS = 10;
const LONGEST_MS = 200;

interface Known {
  readonly wanted: Wanted;
  readonly loadBalancers: LoadBalancers;
}

/** Of a new address: nobody has answered, somebody has, connections are known to reach somebody. Of others: `serves`. */
type Phase = 'silent' | 'unseen' | 'serves';

/** A service with servers that have not answered, or with a new address that does not serve. */
interface Waiting {
  readonly loadBalancerId: string;
  readonly protocol: Protocol;
  phase: Phase;
  /** By `placeText`. */
  readonly open: Map<string, WantedServer>;
  /** Of `open`, those that get no connection. */
  held: ReadonlySet<string>;
  /** Of a monotonic clock, in milliseconds. */
  readonly until: number;
  readonly timer: NodeJS.Timeout;
}

interface WaitFor extends Pick<Waiting, 'phase' | 'until'> {
  readonly servers: readonly WantedServer[];
}

/** `onAnswer` is called when there is less to wait for. */
export function followAnswers(onAnswer: () => void, ask?: Ask): Answers {
  let known: Known | undefined;
  const waiting = new Map<string, Waiting>();
  /** Keys of the services that wait for it, by key of what is asked. */
  const askedFor = new Map<string, Set<string>>();
  const asking = startAsking(hear, ask);
  let told: Unanswered | undefined;
  let begun = 0;
  let heard = 0;

  function hear(asked: string): void {
    heard += 1;
    const place = asked.slice(asked.indexOf(' ') + 1);
    for (const key of askedFor.get(asked) ?? []) {
      const service = waiting.get(key)!;
      service.open.delete(place);
      if (service.phase === 'silent') service.phase = 'unseen';
      for (const [each, server] of service.open) if (!isHeld(server)) close(key, each);
      service.held = heldOf(service.open);
      leaveIfDone(key);
    }
    askedFor.delete(asked);
    told = undefined;
    onAnswer();
  }

  function giveUp(key: string): void {
    leave(key);
    told = undefined;
    onAnswer();
  }

  function wait({ key, loadBalancerId, protocol }: WantedService, what: WaitFor): void {
    const open = new Map(what.servers.map((server) => [placeText(server), server]));
    const timer = setTimeout(() => giveUp(key), Math.max(0, what.until - performance.now()));
    const { phase, until } = what;
    waiting.set(key, { loadBalancerId, protocol, phase, open, held: heldOf(open), until, timer });
    for (const [place, { address, port }] of open) {
      const asked = `${protocol} ${place}`;
      if (!askedFor.has(asked)) askedFor.set(asked, new Set());
      askedFor.get(asked)!.add(key);
      asking.begin(asked, { address, port, protocol });
    }
  }

  function close(key: string, place: string): void {
    const { open, protocol } = waiting.get(key)!;
    open.delete(place);
    const asked = `${protocol} ${place}`;
    const keys = askedFor.get(asked);
    if (!keys?.delete(key) || keys.size > 0) return;
    askedFor.delete(asked);
    asking.end(asked);
  }

  function leaveIfDone(key: string): void {
    const { open, phase } = waiting.get(key)!;
    if (open.size === 0 && phase === 'serves') leave(key);
  }

  function leave(key: string): void {
    const service = waiting.get(key);
    if (!service) return;
    for (const place of service.open.keys()) close(key, place);
    clearTimeout(service.timer);
    waiting.delete(key);
  }

  function take(key: string, before: Known, now: Known): void {
    const old = waiting.get(key);
    const next = waitFor(key, before, { now, old });
    leave(key);
    if (!next) return;
    wait(now.wanted.services.get(key)!, next);
    if (!old) begun += 1;
  }

  return {
    follow(wanted, loadBalancers) {
      const before = known;
      known = { wanted, loadBalancers };
      if (before && before.wanted !== wanted) {
        const { keys } = changesBetween(before.wanted, wanted);
        for (const key of keys) take(key, before, known);
        if (keys.size > 0) told = undefined;
      }
      return (told ??= unansweredOf(waiting));
    },
    see(keys) {
      for (const key of keys) {
        const service = waiting.get(key);
        if (service?.phase !== 'unseen') continue;
        service.phase = 'serves';
        leaveIfDone(key);
        told = undefined;
      }
      return (told ??= unansweredOf(waiting));
    },
    async mostHeard() {
      const isFew = begun <= MANY;
      begun = 0;
      if (isFew) return;
      const startedAt = performance.now();
      const before = heard;
      for (let waited = 0; waiting.size > 0 && waited < LONGEST_MS; waited = performance.now() - startedAt) {
        const known = heard;
        await sleep(LULL_MS);
        if (heard === known && (heard > before || waited > FIRST_MS)) return;
      }
    },
    stop() {
      asking.stop();
      for (const { timer } of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}

/** What of a service that is different now must answer; undefined: nothing. */
function waitFor(
  key: string,
  before: Known,
  { now, old }: { readonly now: Known; readonly old: Waiting | undefined },
): WaitFor | undefined {
  const service = now.wanted.services.get(key);
  const placed = service && now.loadBalancers.get(service.loadBalancerId);
  if (!placed) return undefined;
  const former = before.loadBalancers.get(service.loadBalancerId);
  const { expectsAnswer = false } = placed.loadBalancer;
  if (!former && !expectsAnswer) return undefined;
  const phase = old?.phase ?? (expectsAnswer && !hasAddress(former, service.vip) ? 'silent' : 'serves');
  const had = new Set(before.wanted.services.get(key)?.servers.map(placeText));
  for (const place of old?.open.keys() ?? []) had.delete(place);
  const servers = service.servers.filter(
    (server) => server.stage === 'serving' && !had.has(placeText(server)) && (phase === 'silent' || isHeld(server)),
  );
  if (servers.length === 0 && phase === 'serves') return undefined;
  return { phase, servers, until: old?.until ?? performance.now() + PATIENCE_MS };
}

/** Nothing is waited for. */
export const NOTHING_UNANSWERED: Unanswered = { loadBalancers: [], unseen: [], servers: new Map() };

function unansweredOf(waiting: ReadonlyMap<string, Waiting>): Unanswered {
  if (waiting.size === 0) return NOTHING_UNANSWERED;
  const unpublished = [...waiting].filter(([, { phase }]) => phase !== 'serves');
  return {
    loadBalancers: [...new Set(unpublished.map(([, { loadBalancerId }]) => loadBalancerId))].sort(),
    unseen: unpublished.flatMap(([key, { phase }]) => (phase === 'unseen' ? [key] : [])),
    servers: new Map([...waiting].flatMap(([key, { held }]) => (held.size > 0 ? [[key, held] as const] : []))),
  };
}

function heldOf(open: Waiting['open']): ReadonlySet<string> {
  return new Set([...open].filter(([, server]) => isHeld(server)).map(([place]) => place));
}

/** One that is asked by itself gets no connection while it does not answer that. */
function isHeld({ check, lastResort }: WantedServer): boolean {
  return (check.kind === 'node' || check.kind === 'none') && lastResort !== true;
}

function hasAddress(placed: Pick<PlacedLoadBalancer, 'addresses'> | undefined, vip: Address): boolean {
  return placed?.addresses.some(({ address }) => address === vip) === true;
}
