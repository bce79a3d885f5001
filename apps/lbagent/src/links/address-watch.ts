import { ownedInstances } from '../keepalived/state.ts';
import { diffAddresses } from './plan.ts';
import { isKnown } from './news.ts';
import type { LinkNews, Links, LinksObserved } from './types.ts';
import type { Reconciler } from '../reconcile.ts';
import type { Held } from '../state/state.ts';

export interface LinkWatchParts {
  readonly links: Links;
  readonly reconciler: Reconciler;
  readonly held: () => Held | undefined;
  readonly onError: (error: unknown) => void;
}

/** Changes of links come in bursts, most of them lbagent's own; this long they are gathered. Milliseconds. */
const GATHER_MS = 10;
/** Looking takes at most one part in so many of the time. */
const SHARE = 10;

/**
 * Has everything looked at when this machine gains or loses an instance, or when somebody changed a VIP. Most changes are
 * lbagent's own and pass unnoticed. Returns the way to stop.
 */
export function watchOwnAddresses(parts: LinkWatchParts): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let notBefore = 0;
  let news: LinkNews[] = [];
  const look = async (): Promise<void> => {
    const heard = news;
    news = [];
    const view = parts.reconciler.current()?.view;
    if (view && isKnown(heard, view)) {
      timer = undefined;
      return;
    }
    const startedAt = performance.now();
    const observed = await parts.links.observe();
    const now = performance.now();
    timer = undefined;
    notBefore = now + SHARE * (now - startedAt);
    if (!stopped && differs(observed, parts)) parts.reconciler.look();
  };
  const stopWatching = parts.links.watch((each) => {
    news.push(each);
    timer ??= setTimeout(
      () => {
        look().catch(parts.onError);
      },
      Math.max(GATHER_MS, notBefore - performance.now()),
    );
  });
  return () => {
    stopped = true;
    clearTimeout(timer);
    stopWatching();
  };
}

function differs(observed: LinksObserved, { reconciler, held }: LinkWatchParts): boolean {
  const config = held()?.state.config;
  const current = reconciler.current();
  // Without a view a look is under way already.
  if (!config || !current) return false;
  const owned = ownedInstances(config, observed);
  if (owned.join(' ') !== current.view.owned.join(' ')) return true;
  const desired = [...current.wanted.vips.values()].filter((vip) => owned.includes(vip.vrrpInstance));
  const { add, remove } = diffAddresses(desired, observed);
  return add.length + remove.length > 0;
}
