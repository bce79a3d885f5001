import type { HoldReport, HoldSpec, ProbeReport, ProberAnswer, ProberCommand, ProbeSpec } from '../prober/protocol.ts';
import type { Machines } from './machines.ts';
import { buildPrograms } from '../../tools/build.ts';

/** A prober on a host of the lab: measures what a client there sees. */
export interface Prober {
  probe(target: Omit<ProbeSpec, 'id'>): Measurement<ProbeReport>;
  hold(target: Omit<HoldSpec, 'id'>): Measurement<HoldReport>;
  close(): Promise<void>;
}

export interface Measurement<Report> {
  /** Since the start, or since the last report with `reset`. */
  report(options?: { reset?: boolean }): Promise<Report>;
  /** The last report; for a probe when the attempts under way are over. */
  stop(): Promise<Report>;
}

export async function startProber(machines: Pick<Machines, 'spawn'>, host = 'client'): Promise<Prober> {
  const { prober } = await buildPrograms();
  // Ahead of what it measures where it may be (root's lab): a late prober would see outages that are its own.
  const command = machines.spawn(host, ['nice', '-n', '-10', process.execPath, prober]);
  const waiting = new Map<string, { resolve: (answer: ProberAnswer) => void; reject: (error: Error) => void }[]>();
  command.onLine((line) => {
    const answer = JSON.parse(line) as ProberAnswer;
    waiting.get(answer.id)?.shift()?.resolve(answer);
  });
  let over: Error | undefined;
  const lost = (why: string) => {
    over = new Error(`the prober on ${host} ended: ${why}`);
    for (const each of [...waiting.values()].flat()) each.reject(over);
  };
  command.ended.then(
    (code) => lost(`code ${code} ${command.stderr.trim()}`),
    (error: Error) => lost(error.message),
  );
  const say = (order: ProberCommand) => command.write(`${JSON.stringify(order)}\n`);
  const ask = (order: ProberCommand): Promise<ProberAnswer> => {
    if (over) return Promise.reject(over);
    const queue = waiting.get(order.id) ?? [];
    waiting.set(order.id, queue);
    say(order);
    return new Promise((resolve, reject) => queue.push({ resolve, reject }));
  };
  let count = 0;
  const measure = <Report>(read: (answer: ProberAnswer) => Report, id: string): Measurement<Report> => ({
    report: async (options = {}) => read(await ask({ command: 'report', id, reset: options.reset ?? false })),
    stop: async () => read(await ask({ command: 'stop', id })),
  });
  return {
    probe: (target) => {
      const id = `probe-${++count}`;
      say({ command: 'start', id, ...target });
      return measure(probeOf, id);
    },
    hold: (target) => {
      const id = `hold-${++count}`;
      say({ command: 'hold', id, ...target });
      return measure(holdOf, id);
    },
    close: async () => {
      command.closeInput();
      await command.ended.catch(() => undefined);
    },
  };
}

function probeOf(answer: ProberAnswer): ProbeReport {
  if ('probe' in answer) return answer.probe;
  throw new Error('error' in answer ? answer.error : `the prober answered ${JSON.stringify(answer)}`);
}

function holdOf(answer: ProberAnswer): HoldReport {
  if ('hold' in answer) return answer.hold;
  throw new Error('error' in answer ? answer.error : `the prober answered ${JSON.stringify(answer)}`);
}
