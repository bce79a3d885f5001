import { createServer, type Server, Socket } from 'node:net';

export interface SlowLinkSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly target: { readonly host: string; readonly port: number };
  /** Each way. */
  readonly delayMs: number;
}

/** TCP to `target` as over a long way: whatever is said, the end included, arrives `delayMs` later. Resolves when it listens. */
export async function startSlowLink({ listen, target, delayMs }: SlowLinkSettings): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = new Socket({ allowHalfOpen: true });
    setTimeout(() => far.connect(target), delayMs);
    carry(near, far, delayMs);
    carry(far, near, delayMs);
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject).listen(listen.port, listen.host, resolve);
  });
  return server;
}

function carry(from: Socket, to: Socket, delayMs: number): void {
  from.setNoDelay(true);
  // Timers of one delay fire in the order in which they were set (Node's timers are lists by duration).
  from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('error', () => setTimeout(() => to.destroy(), delayMs));
  from.on('close', () => setTimeout(() => to.destroy(), delayMs));
}
