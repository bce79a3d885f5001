import { connect, type Socket } from 'node:net';
import {
  lineSplitter,
  type MethodName,
  type Methods,
  type ProcessSpec,
  type Reply,
  type StreamEvent,
} from './protocol.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onStream?: (event: StreamEvent) => void;
}

/** A program in the lab whose output is read as it comes. */
export interface RunningCommand {
  /** Adds a reader of whole lines of standard output. Lines that came before are given to the first one. */
  onLine(each: (line: string) => void): void;
  write(text: string): void;
  closeInput(): void;
  signal(signal: string): void;
  /** What it wrote to standard error so far. */
  readonly stderr: string;
  /** Its code; rejects when the lab is gone. */
  readonly ended: Promise<number>;
}

/** The control connection of a lab. Every call fails with a sentence once the lab is gone. */
export class Connection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lost: Error | undefined;
  /** Resolves when the lab is gone. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on(
      'data',
      lineSplitter((line) => this.#take(JSON.parse(line) as Reply)),
    );
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#lost ??= new Error('the lab is gone: its processes have ended');
        for (const { reject } of this.#waiting.values()) reject(this.#lost);
        this.#waiting.clear();
        resolve();
      });
    });
  }

  static open(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path });
      socket.once('error', (error) => reject(new Error(`no lab answers at ${path}: ${error.message}`)));
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  call<Name extends MethodName>(method: Name, params: Methods[Name]['params']): Promise<Methods[Name]['result']> {
    return this.#send(method, params) as Promise<Methods[Name]['result']>;
  }

  spawn(host: string, argv: readonly string[]): RunningCommand {
    const readers: ((line: string) => void)[] = [];
    const early: string[] = [];
    const split = lineSplitter((line) => {
      if (readers.length === 0) early.push(line);
      for (const read of readers) read(line);
    });
    const errors: string[] = [];
    const stream = this.#lastId + 1;
    const done = this.#send('spawn', { host, argv }, (event) => {
      if (event.stream === 'stdout') split(event.text);
      else errors.push(event.text);
    }) as Promise<Methods['spawn']['result']>;
    const ended = done.then(({ code }) => code);
    // The caller may look at how it ended late or never.
    ended.catch(() => undefined);
    const tell = <Name extends MethodName>(method: Name, params: Methods[Name]['params']) => {
      this.call(method, params).catch(() => undefined);
    };
    return {
      onLine: (each) => {
        readers.push(each);
        for (const line of early.splice(0)) each(line);
      },
      write: (text) => tell('input', { stream, text }),
      closeInput: () => tell('input', { stream, text: '', end: true }),
      signal: (signal) => tell('signal', { stream, signal }),
      get stderr() {
        return errors.join('');
      },
      ended,
    };
  }

  close(): void {
    this.#lost = new Error('this connection to the lab was closed');
    this.#socket.destroy();
  }

  #send(method: MethodName, params: unknown, onStream?: (event: StreamEvent) => void): Promise<unknown> {
    if (this.#lost) return Promise.reject(this.#lost);
    this.#lastId += 1;
    const id = this.#lastId;
    this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(new Error(`${describe(method, params)}: ${error.message}`));
      this.#waiting.set(id, { resolve, reject: fail, ...(onStream ? { onStream } : {}) });
    });
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ('stream' in reply) {
      waiting.onStream?.(reply);
      return;
    }
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting.reject(new Error(reply.error));
    else waiting.resolve(reply.result);
  }
}

function describe(method: MethodName, params: unknown): string {
  const { host, name, argv } = params as Partial<ProcessSpec>;
  const what = argv && method !== 'run' ? argv.join(' ').slice(0, 200) : name;
  return [`lab: ${method}`, host, what].filter((part) => part !== undefined).join(' ');
}
