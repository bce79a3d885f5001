import { familyOf } from '@fairlead/model';
import type { LinkAddress } from './types.ts';

/** Sees to it that added addresses are announced soon, but never in a flood. */
export interface Announcer {
  request(added: readonly LinkAddress[]): void;
  stop(): void;
}

/** How neighbours are told. What either throws is left to the repetition. */
export interface Means {
  /** Tells them of all addresses of the links, and says how many those are. */
  readonly all: (devices: readonly string[]) => Promise<number>;
  /** About how many addresses they would be. */
  readonly size: (devices: readonly string[]) => number;
  /** Tells them of these alone; false when that cannot be done. */
  readonly some: (addresses: readonly LinkAddress[]) => Promise<boolean>;
}

/** An announcement names every address of the link: this bounds the frames to some 2,000 a second. */
const LEAST_PAUSE_MS = 50;
const PAUSE_MS_PER_ADDRESS = 0.5;
const REPEAT_MS = 500;

/** What was added waits so long: whoever waits for the change itself comes first. Milliseconds. */
const GATHER_MS = 10;
/** Up to so many addresses on the links, telling of all costs less than a process does. */
const CHEAP = 128;
/** So many addresses are told of by themselves: each takes a process. What is told of together has to wait for the pause. */
const FEW = 8;
const FEW_A_SECOND = 10;

export function createAnnouncer(means: Means): Announcer {
  const due = new Set<string>();
  const again = new Set<string>();
  const repeats = new Set<NodeJS.Timeout>();
  let fresh: LinkAddress[] = [];
  let gathering: NodeJS.Timeout | undefined;
  const budget = createBudget();
  let size = 0;
  let pause: NodeJS.Timeout | undefined;
  let repeat: NodeJS.Timeout | undefined;

  async function announceAll(devices: readonly string[]): Promise<void> {
    size = await means.all(devices).catch(() => size);
  }

  function start(): void {
    if (pause !== undefined || due.size === 0) return;
    const devices = [...due];
    due.clear();
    pause = setTimeout(
      () => {
        pause = undefined;
        start();
      },
      LEAST_PAUSE_MS + size * PAUSE_MS_PER_ADDRESS,
    );
    void announceAll(devices);
  }

  function requestAll(added: readonly LinkAddress[]): void {
    for (const { device } of added) due.add(device);
    for (const device of due) again.add(device);
    start();
    // The kernel has not finished what is new of IPv6 when it is told to announce all: once more, after the pause.
    if (!added.every(isIpv4)) for (const { device } of added) due.add(device);
    clearTimeout(repeat);
    repeat = setTimeout(() => {
      for (const device of again) due.add(device);
      again.clear();
      start();
    }, REPEAT_MS);
  }

  async function announceSome(added: readonly LinkAddress[]): Promise<void> {
    if (await means.some(added).catch(() => false)) {
      const timer = setTimeout(() => {
        repeats.delete(timer);
        means.some(added).catch(() => undefined);
      }, REPEAT_MS);
      repeats.add(timer);
    } else requestAll(added);
  }

  function tell(): void {
    const added = fresh;
    fresh = [];
    gathering = undefined;
    const devices = [...new Set(added.map(({ device }) => device))];
    if (means.size(devices) > CHEAP && added.every(isIpv4) && budget.take(added.length)) void announceSome(added);
    else requestAll(added);
  }

  return {
    request(added) {
      fresh.push(...added.filter(({ announce }) => announce !== false));
      if (fresh.length > 0) gathering ??= setTimeout(tell, GATHER_MS);
    },
    stop() {
      clearTimeout(gathering);
      clearTimeout(pause);
      clearTimeout(repeat);
      for (const timer of repeats) clearTimeout(timer);
      due.clear();
    },
  };
}

/** `FEW` at once, and then as many as come back in time. */
function createBudget(): { take(count: number): boolean } {
  let left = FEW;
  let at = performance.now();
  return {
    take(count) {
      const now = performance.now();
      left = Math.min(FEW, left + ((now - at) / 1000) * FEW_A_SECOND);
      at = now;
      if (count > left) return false;
      left -= count;
      return true;
    },
  };
}

function isIpv4({ address }: LinkAddress): boolean {
  return familyOf(address) === 'ipv4';
}
