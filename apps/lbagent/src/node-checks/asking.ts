import type { Address } from '@fairlead/model';
import { request } from 'node:http';
import { connect } from 'node:net';
import { HEALTHZ_PATH } from '@fairlead/haproxy';
import { HEALTHZ_PORT } from './choice.ts';
import type { Round } from './judgement.ts';

/** Of a large cluster some are asked in each round; which ones, changes. */
const ASKED_AT_ONCE = 8;
const PORTS_AT_ONCE = 4;
const ANSWER_MS = 700;

export interface Asking {
  readonly addresses: readonly Address[];
  /** NodePorts that every node answers. */
  readonly nodePorts: readonly number[];
  /** Counts up; chooses who is asked. */
  readonly turn: number;
}

/** Asks nodes of a cluster directly. Takes less than a second. */
export async function askNodes({ addresses, nodePorts, turn }: Asking): Promise<NonNullable<Round['asked']>> {
  const nodes = some(addresses, ASKED_AT_ONCE, turn);
  const ports = some(nodePorts, PORTS_AT_ONCE, turn);
  const [healthz, live] = await Promise.all([
    Promise.all(nodes.map((address) => askHealthz(address))),
    Promise.all(ports.flatMap((port) => nodes.slice(0, PORTS_AT_ONCE).map((address) => answers(address, port)))),
  ]);
  const best = healthz.includes('well') ? 'well' : healthz.includes('unwell') ? 'unwell' : 'silent';
  return { healthz: best, livePort: live.find((port) => port !== undefined) };
}

function some<T>(all: readonly T[], count: number, turn: number): readonly T[] {
  if (all.length <= count) return all;
  return Array.from({ length: count }, (_, index) => all[(turn * count + index) % all.length]!);
}

function askHealthz(host: Address): Promise<'well' | 'unwell' | 'silent'> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port: HEALTHZ_PORT, path: HEALTHZ_PATH, timeout: ANSWER_MS, agent: false },
      (response) => {
        response.resume();
        const { statusCode = 0 } = response;
        resolve(statusCode >= 200 && statusCode < 400 ? 'well' : 'unwell');
      },
    );
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve('silent'));
    asked.end();
  });
}

function answers(host: Address, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: number | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => end(undefined));
    socket.on('connect', () => end(port));
    socket.on('error', () => end(undefined));
  });
}
