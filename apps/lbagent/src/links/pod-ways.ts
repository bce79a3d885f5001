import type { Address, MachineState } from '@fairlead/model';
import {
  isNeeded,
  type ListedPodRoute,
  listedPodRoutes,
  NO_POD_ROUTES,
  type PodRoute,
  type PodRoutes,
  podRoutesOf,
} from './pod-routes.ts';
import { run } from '../processes/run.ts';
import type { Repair } from './types.ts';

/** A routing protocol number (rtnetlink) that nobody else uses marks the routes that lbagent made. */
export const OUR_PROTOCOL = 146;

/** The kernel's routes to pods, in its main table. */
export interface PodWays {
  /**
   * Makes those of this state that are missing. What is there and not wanted goes as soon as no address of `needed` is in
   * it. Answers what could not be done, one sentence each.
   */
  ensure(state: MachineState, needed: () => Iterable<Address>): Promise<readonly string[]>;
  /** What the last `ensure` could not do. */
  problems(): readonly string[];
  /** Looks at what is really there, and puts back what somebody else took away. */
  repair(): Promise<readonly Repair[]>;
}

type Routes = ReadonlyMap<string, PodRoute>;

export function openPodWays(ip: string): PodWays {
  const wantedOf = rememberRoutes();
  let wanted: PodRoutes = NO_POD_ROUTES;
  /** What is there, as far as we know; undefined: nobody has looked. */
  let known: Map<string, PodRoute> | undefined;
  let last: readonly string[] = [];

  const change = async (verb: 'replace' | 'del', { range, via }: PodRoute): Promise<string | undefined> => {
    const done = await run([ip, 'route', verb, range, 'via', via, 'proto', `${OUR_PROTOCOL}`]);
    const isDone = done.code === 0 || (verb === 'del' && done.stderr.includes('No such process'));
    if (!isDone) return `there is no way to pods ${range} by their node ${via}: ${done.stderr.trim()}`;
    if (verb === 'del') known?.delete(range);
    else known?.set(range, { range, via });
    return undefined;
  };

  async function add(there: Routes): Promise<{ readonly added: number; readonly problems: readonly string[] }> {
    const missing = [...wanted.routes.values()].filter(({ range, via }) => there.get(range)?.via !== via);
    const problems: string[] = [];
    for (const route of missing) {
      const problem = await change('replace', route);
      if (problem !== undefined) problems.push(problem);
    }
    return { added: missing.length - problems.length, problems };
  }

  return {
    async ensure(state, needed) {
      wanted = wantedOf(state);
      known ??= new Map(await listRoutes(ip));
      const { problems } = await add(known);
      const left = [...known.values()].filter(({ range }) => !wanted.routes.has(range));
      const addresses = left.length === 0 ? [] : [...new Set(needed())];
      const gone = left.filter((route) => !isNeeded(route, addresses));
      const stuck = await Promise.all(gone.map((route) => change('del', route)));
      last = [...wanted.problems, ...problems, ...stuck.filter((problem) => problem !== undefined)];
      return last;
    },
    problems: () => last,
    async repair() {
      if (known === undefined || known.size + wanted.routes.size === 0) return [];
      known = new Map(await listRoutes(ip));
      const { added } = await add(known);
      return added === 0 ? [] : [`${added} routes to pods were missing`];
    },
  };
}

/** `podRoutesOf`, computed again only when nodes or networks are others. */
function rememberRoutes(): typeof podRoutesOf {
  let last: { readonly inputs: readonly unknown[]; readonly routes: PodRoutes } | undefined;
  return (state) => {
    const inputs = [state.config, ...state.nodeSets.values()];
    const isSame = last?.inputs.length === inputs.length && inputs.every((each, index) => each === last!.inputs[index]);
    if (!isSame) last = { inputs, routes: podRoutesOf(state) };
    return last!.routes;
  };
}

async function listRoutes(ip: string): Promise<Routes> {
  const list = async (family: '-4' | '-6'): Promise<readonly ListedPodRoute[]> => {
    const listed = await run([ip, family, '-j', 'route', 'show', 'proto', `${OUR_PROTOCOL}`]);
    return listed.code === 0 && listed.stdout.trim() !== '' ? (JSON.parse(listed.stdout) as ListedPodRoute[]) : [];
  };
  return listedPodRoutes([...(await list('-4')), ...(await list('-6'))]);
}

/** Takes all of them away; that there are none is success. Throws what could not be done. */
export async function removePodWays(ip: string): Promise<void> {
  for (const { range, via } of (await listRoutes(ip)).values()) {
    const done = await run([ip, 'route', 'del', range, 'via', via, 'proto', `${OUR_PROTOCOL}`]);
    if (done.code !== 0) throw new Error(`the route to ${range} is still there: ${done.stderr.trim()}`);
  }
}
