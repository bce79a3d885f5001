import { type AddressFamily, familyOf } from '@fairlead/model';
import { ALLOWED, LIMITED, TABLE } from './ruleset.ts';
import type { LimitChange, LimitedPort } from './types.ts';

/** PURE. Equal ports have equal keys. */
export function limitKey({ address, protocol, port }: LimitedPort): string {
  return `${address}|${port}/${protocol}`;
}

/**
 * PURE. Lines for `nft -i`, one transaction each, in an order in which nobody is shut out, and nobody let in, who should
 * not be at any moment: what ends no longer holds, then the lists change, then what begins holds.
 * In a list what goes is taken out first: the kernel finds a range by where it begins, and would find a new, wider one.
 */
export function renderLimits(changes: readonly LimitChange[]): readonly string[] {
  const force = (verb: string, inForce: boolean): string =>
    statements(
      verb,
      LIMITED,
      changes.filter((change) => change.inForce === inForce).map(({ port }) => ({ port, element: elementOf(port) })),
    );
  const list = (verb: string, which: 'add' | 'remove'): string =>
    statements(
      verb,
      ALLOWED,
      changes.flatMap((change) =>
        change[which].map((source) => ({ port: change.port, element: `${elementOf(change.port)} . ${source}` })),
      ),
    );
  const lists = [list('delete', 'remove'), list('add', 'add')].filter((text) => text !== '').join('; ');
  return [force('delete', false), lists, force('add', true)].filter((line) => line !== '');
}

interface Element {
  readonly port: LimitedPort;
  readonly element: string;
}

function statements(verb: string, sets: Readonly<Record<AddressFamily, string>>, elements: readonly Element[]): string {
  const some = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const texts = elements.filter(({ port }) => familyOf(port.address) === family).map(({ element }) => element);
    return texts.length === 0 ? [] : [`${verb} element inet ${TABLE} ${sets[family]} { ${texts.join(', ')} }`];
  });
  return some.join('; ');
}

/** By number, which nft knows without /etc/protocols too. */
const NUMBER = { tcp: 6, udp: 17 } as const;

function elementOf({ address, protocol, port }: LimitedPort): string {
  return `${address} . ${NUMBER[protocol]} . ${port}`;
}
