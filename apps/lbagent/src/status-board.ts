import { type Capabilities, NO_VERSION } from '@fairlead/model';
import { sameStatus, type Status } from './report.ts';

/** The machine's status, put together by several parts and told to those who listen. */
export interface StatusBoard {
  current(): Status;
  /** Changes some of it; listeners are called when it then reads differently, or when `tell` is set. */
  update(change: Partial<Omit<Status, 'findings'>>, tell?: boolean): void;
  /** What a person should know of a part, one sentence each; none when all is well. */
  find(part: string, findings: readonly string[]): void;
  /** Returns the way to stop. */
  subscribe(listener: (status: Status) => void): () => void;
}

export function createStatusBoard(capabilities: Capabilities): StatusBoard {
  let status: Status = {
    applied: NO_VERSION,
    refused: new Map(),
    owned: [],
    driftRepaired: 0,
    haproxyReloads: 0,
    capabilities,
    down: [],
    unanswered: [],
    draining: [],
    findings: [],
    applyMicros: 0,
    traceparent: '',
  };
  const findings = new Map<string, readonly string[]>();
  const listeners = new Set<(status: Status) => void>();
  const set = (next: Status, tell: boolean): void => {
    const changed = tell || !sameStatus(status, next);
    status = next;
    if (changed) for (const listener of Array.from(listeners)) listener(status);
  };
  return {
    current: () => status,
    update: (change, tell = false) => set({ ...status, ...change }, tell),
    find(part, found) {
      // Said again and again, nearly always the same: nothing.
      const before = findings.get(part) ?? [];
      if (before.length === found.length && before.every((each, index) => each === found[index])) return;
      findings.set(part, found);
      const all = [...findings].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, each]) => each);
      set({ ...status, findings: all }, false);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
