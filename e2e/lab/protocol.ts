/** What the control socket of a lab carries: one JSON object a line, both ways. */

/** One machine of the lab: a network namespace with a link to the bridge, and a directory as its disk. */
export interface HostSpec {
  readonly name: string;
  /** With prefix length, for example 10.9.1.1/16. */
  readonly address: string;
  /** A second one, of IPv6, with prefix length. */
  readonly address6?: string;
  /** Host whose namespace holds the other end of the link; the bridge unless given. Then `address` is routed there as a /32. */
  readonly behind?: string;
  /** Arguments of `ip route add`, for example "10.200.2.0/24 via 10.9.2.2". */
  readonly routes?: readonly string[];
  /** For example {"net.ipv4.ip_forward": "1"}. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Boots a system of its own, which sets up `address` itself; without routes and sysctls. Needs root. */
  readonly boots?: BootSpec;
}

export interface BootSpec {
  /** Directory with the system; the machine's disk starts as a copy of it. */
  readonly image: string;
  /** Path of systemd-nspawn. */
  readonly nspawn: string;
}

/** Asked again every 20 ms until it says yes. `http` and `tcp` are asked from the wire, `command` on the host itself. */
export type ReadyProbe =
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

/** A program that the lab runs on a host under a name. */
export interface ProcessSpec {
  readonly host: string;
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly ready?: ReadyProbe;
  /** Milliseconds; 30,000 unless given. */
  readonly readyTimeout?: number;
  /** Started again after 500 ms whenever it ends, also after `kill`. */
  readonly restart?: boolean;
  /** Started by itself when its host boots again. */
  readonly boot?: boolean;
}

export interface CommandResult {
  /** 128 + signal number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessStatus {
  readonly host: string;
  readonly name: string;
  /** Absent when it does not run. */
  readonly pid?: number;
  /** How it ended last, for example "signal SIGKILL" or "code 1". */
  readonly ended?: string;
}

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly up: boolean;
  readonly cut: boolean;
  /** A process that is always there while the host is up, in the lab's own numbering: for nsenter. */
  readonly pid?: number;
  readonly processes: readonly ProcessStatus[];
  /** Names of the programs that run there besides, such as haproxy under its lbagent; `kill` takes them too. */
  readonly others: readonly string[];
}

/** Where text from a lab's log files comes from. */
export interface LogText {
  readonly host: string;
  readonly name: string;
  readonly text: string;
}

/** Every method of the control socket: what it takes and what it answers. */
export interface Methods {
  addHost: { params: HostSpec; result: null };
  /** Kills all of the host's processes and takes its namespace away; the disk stays. */
  halt: { params: { host: string }; result: null };
  /** Lets a host that boots a system end it in order, and leaves it like halt. */
  shutDown: { params: { host: string }; result: null };
  /** The reverse of halt; starts the processes marked `boot`. */
  boot: { params: { host: string }; result: null };
  removeHost: { params: { host: string }; result: null };
  cut: { params: { host: string }; result: null };
  heal: { params: { host: string }; result: null };
  /** Defines a process and starts it; answers when it is ready. */
  run: { params: ProcessSpec; result: { pid: number } };
  /** `env` is added to its environment, for this one life. */
  start: {
    params: { host: string; name: string; env?: Readonly<Record<string, string>> };
    result: { pid: number };
  };
  /** Signals a process by its name, else every process of the host whose program is called so. Answers the pids hit. */
  kill: { params: { host: string; name: string; signal: string }; result: { pids: number[] } };
  exec: {
    params: { host: string; argv: readonly string[]; stdin?: string; timeout?: number };
    result: CommandResult;
  };
  /** Like exec, but its output comes as it is made (StreamEvent); lives as long as the connection. */
  spawn: { params: { host: string; argv: readonly string[] }; result: { code: number } };
  /** Text for the standard input of the spawn with that id; `end` closes it. */
  input: { params: { stream: number; text: string; end?: boolean }; result: null };
  signal: { params: { stream: number; signal: string }; result: null };
  status: { params: Record<string, never>; result: HostStatus[] };
  /** The last `bytes` of each log file of a host, or of all. */
  logs: { params: { host?: string; bytes: number }; result: LogText[] };
  /** Paths are the host's: /etc/x is the file etc/x on its disk. */
  writeFile: { params: { host: string; path: string; text: string; mode: number }; result: null };
  readFile: { params: { host: string; path: string }; result: { text: string } };
}

export type MethodName = keyof Methods;

export interface Request {
  readonly id: number;
  readonly method: MethodName;
  readonly params: unknown;
}

export type Reply =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string } | StreamEvent;

export interface StreamEvent {
  readonly id: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Calls `each` for every complete line that arrives in pieces. */
export function lineSplitter(each: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    rest += text;
    let end = rest.indexOf('\n');
    if (end < 0) return;
    let start = 0;
    for (; end >= 0; end = rest.indexOf('\n', start)) {
      each(rest.slice(start, end));
      start = end + 1;
    }
    rest = rest.slice(start);
  };
}

/** Where the disk of a host is, seen from within the lab. */
export function diskOf(host: string): string {
  return `/run/lab/${host}`;
}
