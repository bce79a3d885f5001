import type { Version } from '@fairlead/model';
import type { Decision, Truth } from '../truth/truth.ts';

/** Begins a life of the cloudagent: above every epoch stored, and above the one that a machine reports. PURE. */
export function beginEpoch(truth: Pick<Truth, 'counters'>, reported: Version): Decision<void> {
  const epoch = Math.max(truth.counters.epoch, reported.epoch) + 1;
  const generation = Math.max(truth.counters.generation, reported.generation);
  return { answer: undefined, changes: { counters: { epoch, generation } } };
}

/** The same, unless the epoch is above the reported one by now. PURE. */
export function raiseEpoch(truth: Pick<Truth, 'counters'>, reported: Version): Decision<void> {
  return truth.counters.epoch > reported.epoch ? { answer: undefined } : beginEpoch(truth, reported);
}
