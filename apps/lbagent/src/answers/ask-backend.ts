import { pause, systemClock } from '@fairlead/control-loop';
import { type Address, familyOf } from '@fairlead/model';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Ask } from './asking.ts';

/** Longer than a machine of the same site takes to answer. */
const ASK_TIMEOUT_MS = 250;
/** A refusal by ICMP comes within this, or not at all. */
const SILENCE_MS = 100;
/** A kernel refuses six times in a row, then about once a second: asked more often its silence would mean nothing. */
const REFUSED_MS = 500;

/** Asks a backend by what it speaks. One that speaks UDP need not answer: only a refusal means that nobody is there. */
export const askBackend: Ask = async (host, port, protocol) => {
  if (protocol === 'TCP') return accepts(host, port);
  const isThere = await isNotRefused(host, port);
  if (!isThere) await pause(systemClock, REFUSED_MS, new AbortController().signal);
  return isThere;
};

function accepts(host: Address, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ASK_TIMEOUT_MS });
    const done = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on('connect', done(true)).on('error', done(false)).on('timeout', done(false));
  });
}

function isNotRefused(host: Address, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(familyOf(host) === 'ipv4' ? 'udp4' : 'udp6');
    let asked = false;
    const done = (isThere: boolean) => (): void => {
      if (asked) return;
      asked = true;
      clearTimeout(silence);
      socket.close();
      resolve(isThere);
    };
    const silence = setTimeout(done(true), SILENCE_MS);
    socket.on('error', done(false)).on('message', done(true));
    // Connected, so that a refusal is told; empty, so that nobody takes it for a request.
    socket.connect(port, host, () => socket.send(Buffer.alloc(0)));
  });
}
