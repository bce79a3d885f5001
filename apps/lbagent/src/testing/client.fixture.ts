import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * A client that does what lines on standard input say:
 * `{"get":[ADDRESS,PORT]}` connects once; `{"until":[ADDRESS,PORT]}` connects again and again until it is answered;
 * `{"probe":[[ADDRESS,PORT],...]}` opens a connection to each every `everyMs` until `{"stop":true}`;
 * `{"hold":[ADDRESS,PORT]}` opens a connection that stays, `{"held":true}` asks whether it still echoes.
 */
interface Request {
  readonly get?: Target;
  readonly until?: Target;
  readonly probe?: readonly Target[];
  readonly everyMs?: number;
  readonly stop?: boolean;
  readonly hold?: Target;
  readonly held?: boolean;
}
type Target = readonly [address: string, port: number];

export interface Answer {
  /** What the first line said, or undefined. */
  readonly said?: string;
  readonly error?: string;
  readonly ms: number;
}

function get([host, port]: Target, timeoutMs = 3000): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let said = '';
    const end = (outcome: { said?: string; error?: string }): void => {
      socket.destroy();
      resolve({ ...outcome, ms: performance.now() - startedAt });
    };
    socket.setTimeout(timeoutMs, () => end({ error: 'ETIMEDOUT' }));
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    socket.on('data', (data) => {
      said += data.toString();
      if (said.includes('\n')) end({ said: said.trim() });
    });
    socket.on('end', () => end({ error: 'EOF' }));
  });
}

async function until(target: Target): Promise<Answer & { tries: number }> {
  const startedAt = performance.now();
  for (let tries = 1; ; tries++) {
    const answer = await get(target, 200);
    if (answer.said !== undefined || performance.now() - startedAt > 10_000) {
      return { ...answer, ms: performance.now() - startedAt, tries };
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

let stopProbe: (() => Promise<unknown>) | undefined;

function probe(targets: readonly Target[], everyMs: number): void {
  const results: Answer[] = [];
  const running = new Set<Promise<void>>();
  const timer = setInterval(() => {
    for (const target of targets) {
      const one = get(target).then((answer) => void results.push(answer));
      running.add(one);
      void one.then(() => running.delete(one));
    }
  }, everyMs);
  stopProbe = async () => {
    clearInterval(timer);
    await Promise.all(running);
    const failures = results.flatMap((each) => (each.error === undefined ? [] : [each.error]));
    const said = [...new Set(results.flatMap((each) => (each.said === undefined ? [] : [each.said])))].sort();
    return { total: results.length, failures, said, slowestMs: Math.max(...results.map((each) => each.ms)) };
  };
}

let held: Socket | undefined;
let heldEnded = false;

async function hold([host, port]: Target): Promise<unknown> {
  heldEnded = false;
  held = connect({ host, port });
  held.on('error', () => (heldEnded = true));
  held.on('close', () => (heldEnded = true));
  const [data] = await new Promise<[Buffer]>((resolve) => held!.once('data', (chunk) => resolve([chunk])));
  return { said: data.toString().trim() };
}

async function isHeld(): Promise<unknown> {
  if (heldEnded || !held) return { held: false };
  const echoed = new Promise<boolean>((resolve) => {
    held!.once('data', () => resolve(true));
    held!.once('close', () => resolve(false));
    setTimeout(() => resolve(false), 1000);
  });
  held.write('again\n');
  return { held: await echoed };
}

async function carryOut(request: Request): Promise<unknown> {
  if (request.get) return get(request.get);
  if (request.until) return until(request.until);
  if (request.hold) return hold(request.hold);
  if (request.held === true) return isHeld();
  if (request.stop === true) return stopProbe!();
  probe(request.probe!, request.everyMs ?? 5);
  return {};
}

console.log('{}');
for await (const line of createInterface(process.stdin)) {
  console.log(JSON.stringify(await carryOut(JSON.parse(line) as Request)));
}
process.exit(0);
