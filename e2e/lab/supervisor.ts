import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join, normalize } from 'node:path';
import { exitCode, run } from './command.ts';
import { openWire, signalIfThere, WIRE, type Hosts } from './hosts.ts';
import { missingFeatures } from './kernel.ts';
import { Processes } from './processes.ts';
import {
  diskOf,
  lineSplitter,
  type HostStatus,
  type LogText,
  type MethodName,
  type Methods,
  type Reply,
  type Request,
} from './protocol.ts';

type Handlers = {
  readonly [Name in Exclude<MethodName, 'spawn' | 'input' | 'signal'>]: (
    params: Methods[Name]['params'],
  ) => Promise<Methods[Name]['result']> | Methods[Name]['result'];
};

function handlersOn(hosts: Hosts, processes: Processes): Handlers {
  const hostExists = (host: string) => {
    if (host !== WIRE && !hosts.all.has(host)) hosts.enter(host, []);
  };
  return {
    addHost: async (spec) => (await hosts.add(spec), null),
    halt: async ({ host }) => (await hosts.halt(host), await processes.hostHalted(host), null),
    boot: async ({ host }) => (await hosts.boot(host), await processes.hostBooted(host), null),
    removeHost: async ({ host }) => {
      await hosts.halt(host);
      await processes.hostHalted(host);
      processes.hostRemoved(host);
      await hosts.remove(host);
      return null;
    },
    cut: async ({ host }) => (await hosts.cut(host), null),
    heal: async ({ host }) => (await hosts.heal(host), null),
    run: (spec) => processes.run(spec),
    start: ({ host, name }) => processes.start(host, name),
    kill: ({ host, name, signal }) => ({ pids: processes.kill(host, name, signal) }),
    exec: ({ host, argv, stdin, timeout }) =>
      run(hosts.enter(host, argv), {
        ...(stdin === undefined ? {} : { stdin }),
        ...(timeout === undefined ? {} : { timeout }),
      }),
    status: () => statusOf(hosts, processes),
    logs: ({ host, bytes }) => {
      if (host !== undefined) hostExists(host);
      return (host === undefined ? [WIRE, ...hosts.all.keys()] : [host]).flatMap((each) => logsOf(each, bytes));
    },
    writeFile: ({ host, path, text, mode }) => {
      hostExists(host);
      const file = onDisk(host, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, text, { mode });
      renameSync(`${file}.new`, file);
      return null;
    },
    readFile: ({ host, path }) => {
      hostExists(host);
      return { text: readFileSync(onDisk(host, path), 'utf8') };
    },
  };
}

function onDisk(host: string, path: string): string {
  return join(diskOf(host), normalize(`/${path}`));
}

function statusOf(hosts: Hosts, processes: Processes): HostStatus[] {
  const own: HostStatus = {
    name: WIRE,
    address: '',
    up: true,
    cut: false,
    pid: process.pid,
    processes: processes.status(WIRE),
  };
  const others = [...hosts.all.values()].map(({ spec, pid, cut }) => ({
    name: spec.name,
    address: spec.address,
    up: pid !== undefined,
    cut,
    ...(pid === undefined ? {} : { pid }),
    processes: processes.status(spec.name),
  }));
  return [own, ...others];
}

function logsOf(host: string, bytes: number): LogText[] {
  const directory = `${diskOf(host)}/var/log`;
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
  return files
    .sort()
    .map((file) => ({ host, name: file.replace(/\.log$/, ''), text: tailOf(join(directory, file), bytes) }));
}

function tailOf(file: string, bytes: number): string {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const got = readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    const text = buffer.subarray(0, got).toString();
    return size > bytes ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(handle);
  }
}

/** One client of the control socket. What it spawned ends with it. */
function serve(socket: Socket, handlers: Handlers, hosts: Hosts): void {
  const streams = new Map<number, ReturnType<typeof spawn>>();
  const reply = (message: Reply) => {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  const spawnStream = ({ host, argv }: Methods['spawn']['params'], id: number): Promise<{ code: number }> => {
    const [program, ...rest] = hosts.enter(host, argv);
    if (program === undefined) throw new Error('no command given');
    const child = spawn(program, rest, { stdio: 'pipe' });
    streams.set(id, child);
    child.stdin.on('error', () => undefined);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => reply({ id, stream, text }));
    }
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        streams.delete(id);
        resolve({ code: exitCode(code, signal) });
      });
    });
  };
  const dispatch = ({ id, method, params }: Request): unknown => {
    if (method === 'spawn') return spawnStream(params as Methods['spawn']['params'], id);
    if (method === 'input') {
      const { stream, text, end } = params as Methods['input']['params'];
      const stdin = streams.get(stream)?.stdin;
      if (stdin?.writable) stdin.write(text);
      if (end) stdin?.end();
      return null;
    }
    if (method === 'signal') {
      const { stream, signal } = params as Methods['signal']['params'];
      streams.get(stream)?.kill(signal as NodeJS.Signals);
      return null;
    }
    const handler = handlers[method] as ((params: unknown) => unknown) | undefined;
    if (!handler) throw new Error(`the lab has no method ${String(method)}: was it started by another version?`);
    return handler(params);
  };
  const answer = async (line: string): Promise<void> => {
    const request = JSON.parse(line) as Request;
    try {
      reply({ id: request.id, result: await dispatch(request) });
    } catch (error) {
      reply({ id: request.id, error: (error as Error).message });
    }
  };
  socket.setEncoding('utf8').on(
    'data',
    lineSplitter((line) => void answer(line)),
  );
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    for (const child of streams.values()) if (child.pid !== undefined) signalIfThere(child.pid, 'SIGKILL');
  });
}

/** First line: where to, as ADDRESS:PORT; from then on it is a pipe to there. */
function forward(from: Socket): void {
  from.on('error', () => from.destroy());
  from.once('data', (first: Buffer) => {
    const end = first.indexOf('\n');
    const [host, port] = first.subarray(0, end).toString().split(':');
    const to = connect({ host: host ?? '', port: Number(port) });
    to.on('error', () => from.destroy());
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
    if (end + 1 < first.length) to.write(first.subarray(end + 1));
    from.pipe(to).pipe(from);
  });
}

/** Runs in the lab's namespaces, with the lab's directory and the address of the wire as arguments. */
async function main(): Promise<void> {
  const [directory = '', wireAddress = ''] = process.argv.slice(2);
  mkdirSync(`${diskOf(WIRE)}/var/log`, { recursive: true });
  const missing = await missingFeatures();
  if (missing.length > 0) fail(missing.join('\n'));
  const hosts = await openWire(wireAddress);
  const processes = new Processes(hosts);
  const handlers = handlersOn(hosts, processes);
  // The gateway's end of this pipe closes when it dies, whatever the reason.
  process.stdin.on('close', () => process.exit(0)).resume();
  await new Promise<void>((resolve) => {
    createServer({ allowHalfOpen: true }, forward).listen(join(directory, 'forward.sock'));
    createServer((socket) => serve(socket, handlers, hosts)).listen(join(directory, 'control.sock'), resolve);
  });
  process.stdout.write('ready\n');
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

await main();
