import type { MachineConfig, NodeSet, PlacedLoadBalancer, Refusal, Version } from '@fairlead/model';
import { explainFailure } from '@fairlead/telemetry';
import { rename } from 'node:fs/promises';
import type { NodeCheckChoice } from '../node-checks/choice.ts';
import type { Judged } from '../node-checks/judgement.ts';
import type { Held } from './state.ts';
import { inSlices } from '../pace/in-slices.ts';
import type { Urgency } from '../pace/urgency.ts';
import { readIfThere, writeWholeFile } from './whole-file.ts';

/** What a machine needs to serve again after a reboot with everything else dead. */
export interface Remembered {
  readonly held: Held;
  readonly judged: Judged;
}

interface Stored {
  readonly schema: 1;
  readonly version: Version;
  readonly config: MachineConfig;
  readonly nodeSets: readonly NodeSet[];
  readonly loadBalancers: readonly PlacedLoadBalancer[];
  readonly unreadable: Readonly<Record<string, Refusal>>;
  /** By cluster. */
  readonly nodeChecks: Readonly<Record<string, NodeCheckChoice>>;
  /** By cluster; absent in what earlier versions wrote. */
  readonly heldChecks?: Readonly<Record<string, 'asking' | 'held'>>;
}

const SCHEMA = 1;

/** On the disk, whole or not at all, when this returns. */
export async function writeStateFile(path: string, { held, judged }: Remembered, urgency?: Urgency): Promise<void> {
  const { version, state, unreadable } = held;
  const rest: Omit<Stored, 'loadBalancers'> = {
    schema: SCHEMA,
    version,
    config: state.config,
    nodeSets: [...state.nodeSets.values()],
    unreadable: Object.fromEntries(unreadable),
    nodeChecks: Object.fromEntries(judged.choices),
    heldChecks: Object.fromEntries(judged.held),
  };
  await writeWholeFile(path, await inSlices(inParts(rest, state.loadBalancers.values()), urgency), 0o600);
}

const PART_LENGTH = 32_768;

function* inParts(
  rest: Omit<Stored, 'loadBalancers'>,
  loadBalancers: Iterable<PlacedLoadBalancer>,
): Generator<void, readonly Buffer[]> {
  const parts: Buffer[] = [];
  let text = `${JSON.stringify(rest).slice(0, -1)},"loadBalancers":[`;
  let between = '\n';
  for (const placed of loadBalancers) {
    text += between + textOf(placed);
    between = ',\n';
    if (text.length > PART_LENGTH) {
      parts.push(Buffer.from(text));
      text = '';
    }
    yield;
  }
  return [...parts, Buffer.from(`${text}\n]}\n`)];
}

const texts = new WeakMap<PlacedLoadBalancer, string>();

/** One change among thousands of load balancers must not cost the writing down of all of them. */
function textOf(placed: PlacedLoadBalancer): string {
  let text = texts.get(placed);
  if (text === undefined) texts.set(placed, (text = JSON.stringify(placed)));
  return text;
}

/**
 * What was remembered, or undefined when there is nothing. A file that cannot be read is put aside and told of by
 * `onProblem`; the cloudagent then sends everything anew.
 */
export async function readStateFile(
  path: string,
  onProblem: (problem: string) => void,
): Promise<Remembered | undefined> {
  const text = await readIfThere(path).catch((error: unknown) => {
    onProblem(explainFailure(error));
    return undefined;
  });
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const kept = await rename(path, `${path}.unreadable`).then(
      () => `kept as ${path}.unreadable`,
      () => 'left where it is',
    );
    onProblem(
      `${path} cannot be used (${reason}), ${kept}: the cloudagent sends the whole state anew, so see that it reaches this machine`,
    );
    return undefined;
  }
}

function parse(text: string): Remembered {
  const stored = JSON.parse(text) as Partial<Stored>;
  if (stored.schema !== SCHEMA) {
    throw new Error(`it was written by another version of lbagent: schema ${String(stored.schema)}, not ${SCHEMA}`);
  }
  const { version, config, nodeSets, loadBalancers, unreadable, nodeChecks, heldChecks = {} } = stored;
  const isWhole =
    Number.isInteger(version?.epoch) &&
    Number.isInteger(version?.generation) &&
    [config?.members, config?.networks, config?.vrrpInstances, nodeSets, loadBalancers].every(Array.isArray);
  if (!isWhole || !version || !config || !nodeSets || !loadBalancers || !unreadable || !nodeChecks) {
    throw new Error('it is not whole');
  }
  return {
    held: {
      version,
      state: {
        config,
        nodeSets: new Map(nodeSets.map((set) => [set.cluster, set])),
        loadBalancers: new Map(loadBalancers.map((placed) => [placed.loadBalancer.id, placed])),
      },
      unreadable: new Map(Object.entries(unreadable)),
    },
    judged: { choices: new Map(Object.entries(nodeChecks)), held: new Map(Object.entries(heldChecks)) },
  };
}
