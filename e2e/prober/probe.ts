import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { summarise, type Attempt } from './attempts.ts';
import type { ProbeReport, ProbeSpec } from './protocol.ts';

export interface Probe {
  report(reset: boolean): ProbeReport;
  /** No new attempts; resolves when those under way are over. */
  stop(): Promise<void>;
}

/** Keeps to its schedule: a late start does not shift the ones after it, and is owned up to. */
export function startProbe(spec: ProbeSpec): Probe {
  const interval = spec.intervalMs ?? 10;
  const addresses = spec.addresses ?? [spec.address];
  const began = performance.now();
  let attempts: Attempt[] = [];
  let slot = 0;
  let next = 0;
  let late = 0;
  let underWay = 0;
  let stopped = false;
  let idle: (() => void) | undefined;
  const finished = (attempt: Attempt) => {
    attempts.push(attempt);
    underWay -= 1;
    if (stopped && underWay === 0) idle?.();
  };
  const tick = () => {
    if (stopped) return;
    late = Math.max(late, performance.now() - (began + slot * interval));
    underWay += 1;
    attemptOnce(spec, addresses[next++ % addresses.length]!, finished);
    // Slots missed meanwhile are not made up for: a burst would measure something else.
    slot = Math.max(slot + 1, Math.ceil((performance.now() - began) / interval));
    setTimeout(tick, began + slot * interval - performance.now());
  };
  tick();
  const wallClock = (time: number) => performance.timeOrigin + time;
  return {
    report: (reset) => {
      const report = summarise(attempts, late, wallClock);
      if (reset) {
        attempts = [];
        late = 0;
      }
      return report;
    },
    stop: () => {
      stopped = true;
      if (underWay === 0) return Promise.resolve();
      return new Promise((resolve) => {
        idle = resolve;
      });
    },
  };
}

function attemptOnce(spec: ProbeSpec, address: string, finished: (attempt: Attempt) => void): void {
  if (spec.udp) return askOnce(spec, address, finished);
  const { port, httpPath } = spec;
  const start = performance.now();
  const socket = connect({ host: address, port, noDelay: true });
  let over = false;
  let answer = '';
  const finish = (failure: string | undefined, backend = '') => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    finished({ start, end: performance.now(), failure, backend });
    if (failure === undefined) socket.end();
    else socket.destroy();
  };
  const deadline = setTimeout(() => finish('timeout'), spec.deadlineMs ?? 900);
  socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  // Without this a peer that never says goodbye would keep the socket for ever.
  socket.setTimeout(5000, () => socket.destroy());
  if (spec.connectOnly) {
    socket.on('connect', () => finish(undefined));
    return;
  }
  if (httpPath !== undefined) socket.write(`GET ${httpPath} HTTP/1.1\r\nhost: ${address}\r\nconnection: close\r\n\r\n`);
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
    const read = httpPath === undefined ? readGreeting(answer) : readResponse(answer);
    if (read) finish(read.failure, read.backend);
  });
  socket.on('end', () => finish(answer === '' ? 'closed without an answer' : 'closed within the answer'));
}

function askOnce({ port, deadlineMs }: ProbeSpec, address: string, finished: (attempt: Attempt) => void): void {
  const start = performance.now();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let over = false;
  const finish = (failure: string | undefined, backend = ''): void => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    socket.close();
    finished({ start, end: performance.now(), failure, backend });
  };
  const deadline = setTimeout(() => finish('timeout'), deadlineMs ?? 900);
  socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  socket.on('message', (message) => {
    const read = readDatagram(message.toString());
    finish(read.failure, read.backend);
  });
  // Connected, so that a refusal is told and nobody else's answer counts.
  socket.connect(port, address, () => socket.send('?'));
}

interface Verdict {
  readonly failure: string | undefined;
  readonly backend: string;
}

/** An echo program's first line: NAME saw ADDRESS. Undefined: not all there yet. */
export function readGreeting(text: string): Verdict | undefined {
  const end = text.indexOf('\n');
  if (end < 0) return undefined;
  const name = /^(\S+) saw \S+$/.exec(text.slice(0, end))?.[1];
  return name === undefined ? { failure: 'wrong answer', backend: '' } : { failure: undefined, backend: name };
}

/** An echo program's answer to a datagram: NAME saw ADDRESS: TEXT. */
export function readDatagram(text: string): Verdict {
  const name = /^(\S+) saw \S+: /.exec(text)?.[1];
  return name === undefined ? { failure: 'wrong answer', backend: '' } : { failure: undefined, backend: name };
}

/** An echo program's HTTP response, whole. Undefined: not all there yet. */
export function readResponse(text: string): Verdict | undefined {
  const body = text.indexOf('\r\n\r\n');
  if (body < 0) return undefined;
  const head = text.slice(0, body);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status !== '200') return { failure: status === undefined ? 'wrong answer' : `status ${status}`, backend: '' };
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (text.length - body - 4 < length) return undefined;
  return readGreeting(text.slice(body + 4));
}
