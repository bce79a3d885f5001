import { createInterface } from 'node:readline';
import { startHold, type Hold } from './hold.ts';
import { startProbe, type Probe } from './probe.ts';
import type { ProberAnswer, ProberCommand } from './protocol.ts';

/** Runs where a client would, and is told what to do on its standard input (ProberCommand); ends with it. */
const probes = new Map<string, Probe>();
const holds = new Map<string, Hold>();

function say(answer: ProberAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function obey(command: ProberCommand): Promise<void> {
  const { id } = command;
  if (command.command === 'start' || command.command === 'hold') {
    if (probes.has(id) || holds.has(id)) return say({ id, error: `${id} was started already` });
    if (command.command === 'start') probes.set(id, startProbe(command));
    else holds.set(id, startHold(command));
    return;
  }
  const stop = command.command === 'stop';
  const probe = probes.get(id);
  const hold = holds.get(id);
  if (probe) {
    if (stop) await probe.stop();
    say({ id, probe: probe.report(command.command === 'report' && command.reset === true) });
  } else if (hold) {
    say({ id, hold: hold.report() });
    if (stop) hold.stop();
  } else say({ id, error: `nothing called ${id} was started` });
  if (!stop) return;
  probes.delete(id);
  holds.delete(id);
}

createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as ProberCommand))
  .on('close', () => process.exit(0));
