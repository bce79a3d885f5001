import { connect, type Socket } from 'node:net';
import { startFlows } from './flows.ts';
import type { HoldReport, HoldSpec } from './protocol.ts';

export interface Hold {
  report(): HoldReport;
  stop(): void;
}

interface Held {
  readonly socket: Socket;
  /** When the line under way left; undefined when its answer is back. */
  sent: number | undefined;
  broken: boolean;
}

/** Opens the connections at once and says what became of them; a broken one is not opened again. */
export function startHold(spec: HoldSpec): Hold {
  if (spec.udp) return startFlows(spec);
  const broken: HoldReport['broken'][number][] = [];
  const backends: Record<string, number> = {};
  let lines = 0;
  let longestStall = 0;
  let stopped = false;
  const held: Held[] = [];
  const open = (connection: number): Held => {
    const socket = connect({ host: spec.address, port: spec.port, noDelay: true });
    const each: Held = { socket, sent: undefined, broken: false };
    const breaks = (why: string) => {
      if (each.broken || stopped) return;
      each.broken = true;
      broken.push({ connection, at: new Date().toISOString(), why });
      socket.destroy();
    };
    let greeted = false;
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const complete = (rest + text).split('\n');
      rest = complete.pop() ?? '';
      for (const line of complete) {
        if (!greeted) {
          greeted = true;
          const name = line.split(' ')[0] ?? '';
          backends[name] = (backends[name] ?? 0) + 1;
          continue;
        }
        lines += 1;
        if (each.sent !== undefined) longestStall = Math.max(longestStall, performance.now() - each.sent);
        each.sent = undefined;
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => breaks(error.code ?? error.message));
    socket.on('close', () => breaks('closed by the other side'));
    return each;
  };
  for (let connection = 0; connection < (spec.connections ?? 1); connection++) held.push(open(connection));
  const timer = setInterval(() => {
    for (const each of held) {
      if (each.broken || each.sent !== undefined || each.socket.connecting) continue;
      each.sent = performance.now();
      each.socket.write('still there?\n');
    }
  }, spec.intervalMs ?? 100);
  const stallsNow = () => held.map(({ sent, broken }) => (sent === undefined || broken ? 0 : performance.now() - sent));
  return {
    report: () => ({
      connections: held.length,
      open: held.filter((each) => !each.broken && !each.socket.connecting).length,
      lines,
      longestStallMs: Math.round(Math.max(longestStall, ...stallsNow())),
      lost: 0,
      broken,
      backends,
    }),
    stop: () => {
      stopped = true;
      clearInterval(timer);
      for (const { socket } of held) socket.destroy();
    },
  };
}
