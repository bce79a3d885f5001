import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { sleep } from '../command.ts';
import { lineSplitter } from '../protocol.ts';

/** A Kubernetes object, as much of it as the lab's stand-ins read. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/** What the stand-ins for kubelet and scheduler need of the API: JSON over HTTPS with a token, and watches that never give up. */
export class ApiClient {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(options: { server: string; tokenFile: string; caFile: string }) {
    this.#server = options.server;
    this.#token = readFileSync(options.tokenFile, 'utf8').trim();
    this.#agent = new Agent({ keepAlive: true, ca: readFileSync(options.caFile) });
  }

  /** Throws an error with `status` when the server refuses. */
  call<T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const text = body === undefined ? '' : JSON.stringify(body);
    // Node adds no length to the body of a DELETE, and the server would take it for the next request.
    const headers = { ...this.#headers(contentType), 'content-length': Buffer.byteLength(text) };
    return new Promise((resolve, reject) => {
      const asked = request(
        new URL(path, this.#server),
        { method, agent: this.#agent, timeout: 10_000, headers },
        (response) => {
          const parts: string[] = [];
          response.setEncoding('utf8').on('data', (part: string) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const status = response.statusCode ?? 0;
            if (status < 300) return resolve(JSON.parse(parts.join('')) as T);
            reject(
              Object.assign(new Error(`${method} ${path}: ${status} ${parts.join('').slice(0, 300)}`), { status }),
            );
          });
        },
      );
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer in 10 s`)));
      asked.on('error', reject);
      asked.end(text);
    });
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.call('PATCH', path, body, 'application/strategic-merge-patch+json');
  }

  /**
   * Lists and watches for ever. `onList` gets all there is, at first and after every gap; `onEvent` each change between.
   * Trouble is logged and tried again after half a second, and so is the end of a watch, which comes after five minutes unless
   * the path has another `timeoutSeconds`.
   */
  async follow<T extends KubeObject>(
    path: string,
    onList: (all: readonly T[]) => void,
    onEvent: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T) => void,
  ): Promise<never> {
    for (;;) {
      try {
        const list = await this.call<{ items: T[]; metadata: { resourceVersion: string } }>('GET', path);
        onList(list.items);
        await this.#watch(path, list.metadata.resourceVersion, (type, object) => onEvent(type, object as T));
      } catch (error) {
        console.error(`${path}: ${(error as Error).message}`);
      }
      await sleep(500);
    }
  }

  #watch(
    path: string,
    from: string,
    onEvent: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => void,
  ): Promise<void> {
    const url = new URL(path, this.#server);
    url.searchParams.set('watch', 'true');
    url.searchParams.set('resourceVersion', from);
    if (!url.searchParams.has('timeoutSeconds')) url.searchParams.set('timeoutSeconds', '300');
    return new Promise((resolve, reject) => {
      const asked = request(url, { agent: this.#agent, headers: this.#headers() }, (response) => {
        response.setEncoding('utf8').on(
          'data',
          lineSplitter((line) => {
            const { type, object } = JSON.parse(line) as WatchEvent;
            if (type === 'ERROR') asked.destroy(new Error(line.slice(0, 300)));
            else if (type !== 'BOOKMARK') onEvent(type, object);
          }),
        );
        response.on('end', resolve).on('error', reject);
      });
      asked.on('error', reject);
      // Without keep-alive probes a server that vanished would be waited for until the time-out of TCP.
      asked.on('socket', (socket) => socket.setKeepAlive(true, 5000));
      asked.end();
    });
  }

  #headers(contentType = 'application/json'): Record<string, string> {
    return { authorization: `Bearer ${this.#token}`, accept: 'application/json', 'content-type': contentType };
  }
}

export function statusOf(error: unknown): number | undefined {
  return (error as { status?: number }).status;
}
