import { explainFailure } from '@fairlead/telemetry';
import { createServer } from 'node:net';

/** Why nobody could listen there now, one sentence with what to do; undefined: one could. */
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
