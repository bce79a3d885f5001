import { decodeJoinToken, readEnrolment } from '@fairlead/certs';
import { pause, systemClock } from '@fairlead/control-loop';
import type { RunConfig } from './config.ts';
import { readIfThere } from './state/whole-file.ts';

export type NameSources = Pick<RunConfig, 'name' | 'pkiDir' | 'stateDir' | 'joinTokenFile'>;

/** Of what was remembered on disk, below the state dir. */
export const STATE_FILE = 'desired-state.json';

/** How often the PKI directory is looked at while nobody has named this machine; milliseconds. */
const LOOK_EVERY_MS = 3_000;

const NAMELESS =
  "this machine has not joined a site yet: run there what `fairlead machines add NAME` prints on an operator's machine";

/**
 * What this machine is called: as told, as its certificate says, as it was called when it last served, or as its join
 * token says. Waits until one of them does, and tells `onNameless` once. Undefined when told to stop.
 */
export async function awaitName(
  sources: NameSources,
  signal: AbortSignal,
  onNameless: (why: string) => void,
): Promise<string | undefined> {
  for (let told = false; !signal.aborted; told = true) {
    const name = await findName(sources);
    if (name !== undefined) return name;
    if (!told) onNameless(NAMELESS);
    await pause(systemClock, LOOK_EVERY_MS, signal);
  }
  return undefined;
}

async function findName({ name, pkiDir, stateDir, joinTokenFile }: NameSources): Promise<string | undefined> {
  if (name !== undefined) return name;
  // What cannot be read is told of by whoever needs it; a machine that knows its name serves all the same.
  const held = await readEnrolment(pkiDir).catch(() => undefined);
  if (held?.identity.kind === 'lbagent') return held.identity.name;
  const remembered = nameIn(await readIfThere(`${stateDir}/${STATE_FILE}`).catch(() => undefined));
  if (remembered !== undefined || joinTokenFile === undefined) return remembered;
  const decoded = decodeJoinToken((await readIfThere(joinTokenFile)) ?? '');
  return 'token' in decoded && decoded.token.kind === 'lbagent' ? decoded.token.name : undefined;
}

function nameIn(state: string | undefined): string | undefined {
  try {
    const { config } = JSON.parse(state ?? '{}') as { readonly config?: { readonly machine?: unknown } };
    return typeof config?.machine === 'string' ? config.machine : undefined;
  } catch {
    return undefined;
  }
}
