import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { run } from './command.ts';
import { WIRE, type Hosts } from './hosts.ts';
import { readLogs } from './log-files.ts';
import type { Processes } from './processes.ts';
import { diskOf, type HostStatus, type MethodName, type Methods } from './protocol.ts';

/** The methods that are a question and an answer; the others belong to a connection. */
export type Handlers = {
  readonly [Name in Exclude<MethodName, 'spawn' | 'input' | 'signal'>]: (
    params: Methods[Name]['params'],
  ) => Promise<Methods[Name]['result']> | Methods[Name]['result'];
};

/** What the methods of `protocol.ts` do to these hosts and processes. */
export function handlersOn(hosts: Hosts, processes: Processes): Handlers {
  return {
    ...hostHandlers(hosts, processes),
    run: (spec) => processes.run(spec),
    start: ({ host, name, env }) => processes.start(host, name, env),
    kill: async ({ host, name, signal }) => ({ pids: await processes.kill(host, name, signal) }),
    exec: ({ host, argv, stdin, timeout }) =>
      run(hosts.enter(host, argv), {
        ...(stdin === undefined ? {} : { stdin }),
        ...(timeout === undefined ? {} : { timeout }),
      }),
    status: () => statusOf(hosts, processes),
    logs: ({ host, bytes }) => {
      const names = host === undefined ? [WIRE, ...hosts.all.map(({ spec }) => spec.name)] : [existing(hosts, host)];
      return names.flatMap((name) => readLogs(name, bytes));
    },
    writeFile: ({ host, path, text, mode }) => {
      const file = onDisk(existing(hosts, host), path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, text, { mode });
      renameSync(`${file}.new`, file);
      return null;
    },
    readFile: ({ host, path }) => ({ text: readFileSync(onDisk(existing(hosts, host), path), 'utf8') }),
  };
}

type HostMethod = 'addHost' | 'removeHost' | 'shutDown' | 'halt' | 'boot' | 'cut' | 'heal';

function hostHandlers(hosts: Hosts, processes: Processes): Pick<Handlers, HostMethod> {
  const done = async (work: Promise<void>): Promise<null> => {
    await work;
    return null;
  };
  const halt = async (host: string) => {
    await hosts.halt(host);
    await processes.hostHalted(host);
  };
  return {
    addHost: (spec) => done(hosts.add(spec)),
    halt: ({ host }) => done(halt(host)),
    shutDown: ({ host }) => done(hosts.shutDown(host)),
    boot: ({ host }) => done(hosts.boot(host).then(() => processes.hostBooted(host))),
    removeHost: async ({ host }) => {
      await halt(host);
      processes.hostRemoved(host);
      return done(hosts.remove(host));
    },
    cut: ({ host }) => done(hosts.setLink(host, 'down')),
    heal: ({ host }) => done(hosts.setLink(host, 'up')),
  };
}

function existing(hosts: Hosts, name: string): string {
  return name === WIRE ? name : hosts.get(name).spec.name;
}

function onDisk(host: string, path: string): string {
  return join(diskOf(host), normalize(`/${path}`));
}

function statusOf(hosts: Hosts, processes: Processes): HostStatus[] {
  const state = { name: WIRE, address: '', up: true, cut: false, pid: process.pid };
  const wire = { ...state, processes: processes.status(WIRE), others: [] };
  const others = hosts.all.map(({ spec, pid, guest, cut }) => ({
    name: spec.name,
    address: spec.address,
    up: pid !== undefined,
    cut,
    ...(pid === undefined ? {} : { pid: guest?.leader ?? pid }),
    processes: processes.status(spec.name),
    others: processes.others(spec.name),
  }));
  return [wire, ...others];
}
