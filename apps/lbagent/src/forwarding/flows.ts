import { type AddressFamily, familyOf } from '@fairlead/model';
import { readFile } from 'node:fs/promises';
import { run } from '../processes/run.ts';
import { type Expected, forgetArguments, listArguments, parseTracked, strays } from './conntrack.ts';

/** What the kernel remembers of flows. */
export interface Flows {
  /** Forgets those of the flows for these addresses and ports that go elsewhere, so that their next packet is a first one. */
  forget(expected: readonly Expected[]): Promise<void>;
  /** One sentence each. */
  problems(inUse: boolean): Promise<readonly string[]>;
}

/** More forwards than these are looked at in one listing of all flows. */
const FEW = 4;
/** Of what the kernel may remember; above, new flows are about to be refused. */
const NEARLY_FULL = 0.8;

const ABSENT =
  'conntrack is not there, so UDP flows stay with backends that are gone until they are silent for two minutes: install conntrack (conntrack-tools)';

/** `conntrack`: path of the program, if there is one. */
export function createFlows(conntrack: string | undefined): Flows {
  let trouble: string | undefined;
  let last: Promise<void> = Promise.resolve();

  async function forgetOf(program: string, family: AddressFamily, expected: readonly Expected[]): Promise<void> {
    const few = expected.length <= FEW ? expected : [undefined];
    for (const only of few) {
      const listed = await run([program, ...listArguments(family, only)], { timeoutMs: LIST_TIMEOUT_MS });
      if (listed.code !== 0) trouble = `conntrack cannot list UDP flows: ${listed.stderr.trim().slice(0, 200)}`;
      else trouble = undefined;
      for (const stray of strays(parseTracked(listed.stdout), expected)) {
        // Code 1 says that there is none any more.
        await run([program, ...forgetArguments(family, stray)]);
      }
    }
  }

  async function forgetAll(program: string, expected: readonly Expected[]): Promise<void> {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const some = expected.filter(({ vip }) => familyOf(vip) === family);
      if (some.length > 0) await forgetOf(program, family, some);
    }
  }

  return {
    async forget(expected) {
      if (conntrack === undefined || expected.length === 0) return;
      const before = last;
      const work = async (): Promise<void> => {
        await before;
        await forgetAll(conntrack, expected);
      };
      await (last = work());
    },
    async problems(inUse) {
      if (!inUse) return [];
      const absent = conntrack === undefined ? [ABSENT] : [];
      return [...absent, ...(trouble === undefined ? [] : [trouble]), ...(await fullness())];
    },
  };
}

const LIST_TIMEOUT_MS = 20_000;
const SYSCTLS = '/proc/sys/net/netfilter';

async function fullness(): Promise<readonly string[]> {
  const [count, max] = await Promise.all(
    ['nf_conntrack_count', 'nf_conntrack_max'].map(async (name) =>
      Number(await readFile(`${SYSCTLS}/${name}`, 'utf8').catch(() => '0')),
    ),
  );
  if (max === undefined || count === undefined || max === 0 || count < NEARLY_FULL * max) return [];
  return [
    `the kernel remembers ${Math.round((100 * count) / max)} % of the flows that it may, and then drops new ones: raise net.netfilter.nf_conntrack_max`,
  ];
}
