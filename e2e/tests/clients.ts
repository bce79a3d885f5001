import type { Lab } from '../lab/lab.ts';

/** One connection from `from` to a program that greets: what it said, and whether it was still open in the end. */
export interface Talk {
  readonly from: string;
  /** Empty: it was closed without a word. */
  readonly greeting: string;
  readonly open: boolean;
}

export interface TalkOptions {
  readonly address: string;
  readonly port: number;
  /** A connection from each, one after the other; the client's own address when there are none. */
  readonly from?: readonly string[];
  /** How long they stay open and silent once the last was greeted. */
  readonly holdMs?: number;
}

/** Gives the client's host more addresses, to stand for more clients. */
export async function addClients(lab: Lab, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, (_, index) => `10.9.3.${index + 1}`);
  const batch = addresses.map((address) => `address add ${address}/16 dev eth0`).join('\n');
  await lab.must('client', ['ip', '-batch', '-'], { stdin: `${batch}\n` });
  return addresses;
}

/** As `addClients`, for a site of both families: these are IPv6. */
export async function addIpv6Clients(lab: Lab, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, (_, index) => `fd09::3:${(index + 1).toString(16)}`);
  const batch = addresses.map((address) => `address add ${address}/64 dev eth0 nodad`).join('\n');
  await lab.must('client', ['ip', '-batch', '-'], { stdin: `${batch}\n` });
  return addresses;
}

/** Opens connections in order, and reads the first line of each. */
export async function talk(lab: Lab, { address, port, from = [''], holdMs = 0 }: TalkOptions): Promise<Talk[]> {
  const argv = [process.execPath, '-e', TALK, JSON.stringify({ address, port, from, holdMs })];
  return JSON.parse(await lab.must('client', argv)) as Talk[];
}

const TALK = `
const { connect } = require('node:net');
const { address, port, from, holdMs } = JSON.parse(process.argv[1]);
async function open(localAddress) {
  const socket = connect({ host: address, port, ...(localAddress ? { localAddress } : {}) });
  const talk = { from: localAddress, greeting: '', open: true };
  const ended = () => { talk.open = false; };
  socket.on('error', ended).on('close', ended).on('end', () => socket.destroy());
  await new Promise((resolve) => {
    socket.once('data', (data) => { talk.greeting = String(data).split('\\n')[0]; resolve(); });
    socket.once('close', resolve);
    setTimeout(resolve, 2000).unref();
  });
  return talk;
}
(async () => {
  const talks = [];
  for (const each of from) talks.push(await open(each));
  await new Promise((resolve) => setTimeout(resolve, holdMs));
  console.log(JSON.stringify(talks));
  process.exit(0);
})();
`;
