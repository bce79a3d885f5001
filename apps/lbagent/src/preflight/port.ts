import { explainFailure } from '@fairlead/telemetry';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { isListening } from './listeners.ts';

/** Why nobody could listen there now, one sentence with what to do; undefined: one could. Tried for real. */
export async function whyNotFree(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    return explainFailure(error);
  }
  await new Promise((resolve) => server.close(resolve));
  return undefined;
}

/** Whether somebody listens on that port of loopback. Only looked at: who is about to listen there is not disturbed. */
export async function whyTaken(host: '127.0.0.1' | '::1', port: number): Promise<string | undefined> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/net/${table}`, 'utf8').catch(() => '')),
  );
  if (!isListening(tables.join('\n'), host, port)) return undefined;
  const [address, syscall, code] = [host, 'listen', 'EADDRINUSE'];
  return explainFailure(Object.assign(new Error(code), { code, syscall, address, port }));
}
