import type { MachineReport, MachineState, Version } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { planMachine, planSet } from '../plan.ts';
import { machineReport } from '../testing/machine-report.ts';
import { afterDisconnect, afterReport, afterSend, type LinkState, NEW_LINK, nextUpdate } from './push-decision.ts';
import { truthOf } from '../testing/site.ts';

const truth = truthOf();
const state: MachineState = planMachine(truth, 'lb-1', planSet(truth, 'default'))!;
const plan = () => state;
const v = (epoch: number, generation: number): Version => ({ epoch, generation });

function report(applied: Version, rejected?: MachineReport['rejected']): MachineReport {
  return machineReport({ applied, ...(rejected === undefined ? {} : { rejected }) });
}

/** A link whose machine has applied `version`. */
function settled(version: Version): LinkState {
  const { link } = afterReport(NEW_LINK, report(v(0, 0)), version);
  const sent = afterSend(link, nextUpdate(link, version, plan)!);
  return afterReport(sent, report(version), version).link;
}

describe('what a machine is sent', () => {
  it('is nothing before it has reported', () => {
    expect(nextUpdate(NEW_LINK, v(1, 1), plan)).toBeUndefined();
  });

  it('is the whole state when it holds something unknown', () => {
    const { link } = afterReport(NEW_LINK, report(v(1, 3)), v(2, 9));
    expect(nextUpdate(link, v(2, 9), plan)).toMatchObject({ kind: 'full', to: { version: v(2, 9) } });
  });

  it('is a delta from what it acknowledged, and nothing when that is the newest', () => {
    const link = settled(v(1, 1));
    expect(nextUpdate(link, v(1, 1), plan)).toBeUndefined();
    expect(nextUpdate(link, v(1, 5), plan)).toMatchObject({
      kind: 'delta',
      from: { version: v(1, 1) },
      to: { version: v(1, 5) },
    });
  });

  it('waits while an update is on its way, also when the machine reports something else meanwhile', () => {
    const base = settled(v(1, 1));
    const sent = afterSend(base, nextUpdate(base, v(1, 2), plan)!);
    expect(nextUpdate(sent, v(1, 9), plan)).toBeUndefined();
    const meanwhile = afterReport(sent, report(v(1, 1)), v(1, 9)).link;
    expect(nextUpdate(meanwhile, v(1, 9), plan)).toBeUndefined();
    const answered = afterReport(meanwhile, report(v(1, 2)), v(1, 9)).link;
    expect(nextUpdate(answered, v(1, 9), plan)).toMatchObject({ kind: 'delta', from: { version: v(1, 2) } });
  });

  it('is the whole state after WRONG_BASE', () => {
    const base = settled(v(1, 1));
    const sent = afterSend(base, nextUpdate(base, v(1, 2), plan)!);
    const { link } = afterReport(sent, report(v(1, 1), 'WRONG_BASE'), v(1, 2));
    expect(nextUpdate(link, v(1, 2), plan)).toMatchObject({ kind: 'full' });
  });

  it('goes on with a delta after a broken stream, from whichever version the machine really has', () => {
    const base = settled(v(1, 1));
    const sent = afterDisconnect(afterSend(base, nextUpdate(base, v(1, 2), plan)!));
    expect(nextUpdate(sent, v(1, 3), plan)).toBeUndefined();
    for (const applied of [v(1, 1), v(1, 2)]) {
      const { link } = afterReport(sent, report(applied), v(1, 3));
      expect(nextUpdate(link, v(1, 3), plan)).toMatchObject({ kind: 'delta', from: { version: applied } });
    }
    const { link } = afterReport(sent, report(v(0, 0)), v(1, 3));
    expect(nextUpdate(link, v(1, 3), plan)).toMatchObject({ kind: 'full' });
  });

  it('must first get a higher epoch when it reports a newer version than ours', () => {
    expect(afterReport(NEW_LINK, report(v(5, 1)), v(2, 9))).toMatchObject({ raise: v(5, 1) });
    expect(afterReport(NEW_LINK, report(v(2, 10)), v(2, 9))).toMatchObject({ raise: v(2, 10) });
  });

  it('is nothing more once it obeys another cloudagent', () => {
    const base = settled(v(2, 1));
    const { link, raise } = afterReport(base, report(v(3, 1), 'OLDER_VERSION'), v(2, 4));
    expect(raise).toBeUndefined();
    expect(nextUpdate(link, v(2, 4), plan)).toBeUndefined();
    const again = afterReport(afterDisconnect(link), report(v(3, 8)), v(2, 5));
    expect(again.raise).toBeUndefined();
    expect(nextUpdate(again.link, v(2, 5), plan)).toBeUndefined();
  });
});
