import type { Observation, SiteFacts } from './observation.ts';
import { violation, type Violation } from './violation.ts';

/** (a) No address is lost, none is held for nobody; the pools count what is there. */
export function judgeAllocations({ site, at }: Observation): Violation[] {
  return [...lostOrLeaked(site), ...miscounted(site, at), ...notServed(site)];
}

/** What is stored and what is said must be the same: the store alone is there after a crash. */
function lostOrLeaked({ loadBalancers, holdings }: SiteFacts): Violation[] {
  const told = new Set(loadBalancers.flatMap(({ id, addresses }) => addresses.map((address) => `${address} ${id}`)));
  const stored = new Set(holdings.map(({ id, address }) => `${address} ${id}`));
  const leaked = holdings
    .filter(({ id, address }) => !told.has(`${address} ${id}`))
    .map(({ id, address, name }) =>
      violation(
        'leaked',
        `${address} is stored as held by ${name} (${id}), which is not there or has another address.`,
      ),
    );
  const lost = loadBalancers.flatMap(({ id, name, addresses }) =>
    addresses
      .filter((address) => !stored.has(`${address} ${id}`))
      .map((address) => violation('lost', `${name} (${id}) has ${address}, which the store does not know of.`)),
  );
  return [...leaked, ...lost];
}

function miscounted({ pools, holdings, rests }: SiteFacts, at: number): Violation[] {
  const sum = (count: (pool: SiteFacts['pools'][number]) => number) =>
    pools.reduce((all, pool) => all + count(pool), 0);
  const found: Violation[] = [];
  const held = sum((pool) => pool.held);
  const stored = new Set(holdings.map(({ address }) => address)).size;
  if (held !== stored) {
    found.push(violation('miscounted', `The pools say that ${held} addresses are held; stored are ${stored}.`));
  }
  const quarantined = sum((pool) => pool.quarantined);
  const waiting = rests.filter(({ until }) => until > at + CLOCK_MS).length;
  const perhaps = rests.filter(({ until }) => until > at - CLOCK_MS).length;
  if (quarantined < waiting || quarantined > perhaps) {
    found.push(
      violation('miscounted', `The pools say that ${quarantined} addresses wait to be free; stored are ${waiting}.`),
    );
  }
  for (const { name, total, free, held: inUse, quarantined: resting, reserved } of pools) {
    if (free + inUse + resting + reserved === total) continue;
    const parts = `${free} free, ${inUse} held, ${resting} waiting and ${reserved} reserved`;
    found.push(violation('miscounted', `Pool ${name} has ${total} addresses, but ${parts}.`));
  }
  return found;
}

/** An observation takes some seconds; an address that becomes free within them is counted either way. */
const CLOCK_MS = 10_000;

function notServed({ loadBalancers }: SiteFacts): Violation[] {
  return loadBalancers
    .filter(({ state }) => state === 'PENDING')
    .map(({ name, message }) =>
      violation('not-finished', `${name} is not served yet: ${message || 'no reason given'}.`),
    );
}
