import { compareVersions, type MachineReport, type MachineState, type Version } from '@fairlead/model';

/** A whole state and its name. */
export interface Known {
  readonly version: Version;
  readonly state: MachineState;
}

/** What is known of one machine's stream. */
export interface LinkState {
  /** It has reported since the stream was opened: from then on it may be pushed to. */
  readonly hasReported: boolean;
  /** What it holds, if that is one of our states. */
  readonly base?: Known;
  /** Sent and not answered yet. */
  readonly inFlight?: Known;
  /** We have pushed to it in this life of the cloudagent. */
  readonly hasBeenPushed: boolean;
  /** It obeys another cloudagent, whose version this is: nothing more is sent. */
  readonly supersededBy?: Version;
}

export const NEW_LINK: LinkState = { hasReported: false, hasBeenPushed: false };

/** The stream is gone; what was in flight may or may not have arrived. PURE. */
export function afterDisconnect(link: LinkState): LinkState {
  return { ...link, hasReported: false };
}

/**
 * What a report means. `raise`: it holds a newer version than ours though we never pushed to it in this life, so our
 * epoch must go above that one before anything is sent. PURE.
 */
export function afterReport(
  link: LinkState,
  report: MachineReport,
  ours: Version,
): { link: LinkState; raise?: Version } {
  const { applied, rejected } = report;
  const { base, inFlight, supersededBy: _, ...rest } = link;
  const reported = { ...rest, hasReported: true };
  if (compareVersions(applied, ours) > 0) {
    return link.hasBeenPushed ? { link: { ...reported, supersededBy: applied } } : { link: reported, raise: applied };
  }
  if (rejected !== undefined) return { link: reported };
  const held = [inFlight, base].find((known) => known !== undefined && compareVersions(known.version, applied) === 0);
  const next = held === undefined ? reported : { ...reported, base: held };
  // A report of its own while an update is on its way: the answer to that one is still to come.
  const isWaiting = link.hasReported && inFlight !== undefined && held !== inFlight;
  if (!isWaiting) return { link: next };
  return { link: { ...next, inFlight, ...(base === undefined ? {} : { base }) } };
}

/** What to send now: the whole state when it is not known what the machine holds, else the change from that. PURE. */
export type Update =
  { readonly kind: 'full'; readonly to: Known } | { readonly kind: 'delta'; readonly from: Known; readonly to: Known };

/** One update at a time; what changes meanwhile goes with the next one. Undefined: nothing to send now. PURE. */
export function nextUpdate(
  link: LinkState,
  version: Version,
  plan: () => MachineState | undefined,
): Update | undefined {
  if (!link.hasReported || link.inFlight !== undefined || link.supersededBy !== undefined) return undefined;
  if (link.base !== undefined && compareVersions(link.base.version, version) === 0) return undefined;
  const state = plan();
  if (state === undefined) return undefined;
  const to = { version, state };
  return link.base === undefined ? { kind: 'full', to } : { kind: 'delta', from: link.base, to };
}

/** The update is on its way. PURE. */
export function afterSend(link: LinkState, update: Update): LinkState {
  return { ...link, inFlight: update.to, hasBeenPushed: true };
}
