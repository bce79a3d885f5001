import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Hold } from './hold.ts';
import { readDatagram } from './probe.ts';
import type { HoldSpec } from './protocol.ts';

/** A datagram without an answer by then is lost; milliseconds. */
const LOST_MS = 900;

interface Flow {
  readonly socket: Socket;
  /** When each datagram left that has no answer yet, by number. */
  readonly underWay: Map<number, number>;
  readonly answeredBy: Set<string>;
  answeredAt: number | undefined;
  refusal: { readonly at: string; readonly why: string } | undefined;
}

/**
 * As QUIC has them: each flow sends from one port again and again, whether or not it is answered, and stays with that. It
 * stalls for as long as no answer comes.
 */
export function startFlows(spec: HoldSpec): Hold {
  let lines = 0;
  let lost = 0;
  let longestStall = 0;
  const flows = Array.from({ length: spec.connections ?? 1 }, (): Flow => {
    const socket = createSocket(isIPv6(spec.address) ? 'udp6' : 'udp4');
    const underWay = new Map<number, number>();
    const flow: Flow = { socket, underWay, answeredBy: new Set(), answeredAt: undefined, refusal: undefined };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      flow.refusal ??= { at: new Date().toISOString(), why: error.code ?? error.message };
    });
    socket.on('message', (message) => {
      const text = message.toString();
      const number = Number(/: (\d+)$/.exec(text)?.[1]);
      if (!underWay.delete(number)) return;
      lines += 1;
      const now = performance.now();
      if (flow.answeredAt !== undefined) longestStall = Math.max(longestStall, now - flow.answeredAt);
      flow.answeredAt = now;
      flow.answeredBy.add(readDatagram(text).backend);
    });
    socket.connect(spec.port, spec.address);
    return flow;
  });
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    const now = performance.now();
    for (const { socket, underWay } of flows) {
      for (const [number, sent] of underWay) {
        if (now - sent < LOST_MS) break;
        underWay.delete(number);
        lost += 1;
      }
      underWay.set(count, now);
      // It throws while the socket is not connected yet.
      try {
        socket.send(String(count));
      } catch {
        underWay.delete(count);
      }
    }
  }, spec.intervalMs ?? 100);
  return {
    report: () => {
      const now = performance.now();
      const stalls = flows.map(({ answeredAt }) => (answeredAt === undefined ? 0 : now - answeredAt));
      const backends: Record<string, number> = {};
      for (const name of flows.flatMap(({ answeredBy }) => [...answeredBy])) backends[name] = (backends[name] ?? 0) + 1;
      return {
        connections: flows.length,
        open: flows.filter(({ answeredAt }) => answeredAt !== undefined && now - answeredAt < LOST_MS).length,
        lines,
        longestStallMs: Math.round(Math.max(longestStall, ...stalls)),
        lost,
        broken: flows.flatMap(({ refusal }, connection) => (refusal ? [{ connection, ...refusal }] : [])),
        backends,
      };
    },
    stop: () => {
      clearInterval(timer);
      for (const { socket } of flows) socket.close();
    },
  };
}
