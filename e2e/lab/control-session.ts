import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Socket } from 'node:net';
import { exitCode } from './command.ts';
import type { Handlers } from './handlers.ts';
import type { Hosts } from './hosts.ts';
import { signalIfThere } from './network-namespaces.ts';
import { lineSplitter, type Methods, type Reply, type Request } from './protocol.ts';

/** Serves one client of the control socket until it hangs up. What it spawned ends with it. */
export function serveControl(socket: Socket, handlers: Handlers, hosts: Hosts): void {
  const session = new ControlSession(socket, handlers, hosts);
  socket.setEncoding('utf8').on(
    'data',
    lineSplitter((line) => void session.answer(JSON.parse(line) as Request)),
  );
  socket.on('error', () => socket.destroy());
  socket.on('close', () => session.end());
}

class ControlSession {
  readonly #spawned = new Map<number, ChildProcessWithoutNullStreams>();
  readonly #socket: Socket;
  readonly #handlers: Handlers;
  readonly #hosts: Hosts;

  constructor(socket: Socket, handlers: Handlers, hosts: Hosts) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#hosts = hosts;
  }

  async answer(request: Request): Promise<void> {
    try {
      this.#reply({ id: request.id, result: await this.#dispatch(request) });
    } catch (error) {
      this.#reply({ id: request.id, error: (error as Error).message });
    }
  }

  end(): void {
    for (const { pid } of this.#spawned.values()) if (pid !== undefined) signalIfThere(pid, 'SIGKILL');
  }

  #dispatch({ id, method, params }: Request): unknown {
    if (method === 'spawn') return this.#spawn(id, params as Methods['spawn']['params']);
    if (method === 'input') return this.#input(params as Methods['input']['params']);
    if (method === 'signal') {
      const { stream, signal } = params as Methods['signal']['params'];
      this.#spawned.get(stream)?.kill(signal as NodeJS.Signals);
      return null;
    }
    const handler = this.#handlers[method] as ((params: unknown) => unknown) | undefined;
    if (!handler) throw new Error(`the lab has no method ${method}: was it started by another version?`);
    return handler(params);
  }

  #spawn(id: number, { host, argv }: Methods['spawn']['params']): Promise<{ code: number }> {
    const [program, ...rest] = this.#hosts.enter(host, argv);
    if (program === undefined) throw new Error('no command given');
    const child = spawn(program, rest, { stdio: 'pipe' });
    this.#spawned.set(id, child);
    // A program that ends without reading its input is no error of ours.
    child.stdin.on('error', () => undefined);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => this.#reply({ id, stream, text }));
    }
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.#spawned.delete(id);
        resolve({ code: exitCode(code, signal) });
      });
    });
  }

  #input({ stream, text, end }: Methods['input']['params']): null {
    const stdin = this.#spawned.get(stream)?.stdin;
    if (stdin?.writable) stdin.write(text);
    if (end) stdin?.end();
    return null;
  }

  #reply(message: Reply): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}
