import { channelCredentials } from '@fairlead/certs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel, worthCalling } from './channel.ts';
import { createClient } from './client.ts';
import { HealthService } from './definitions.ts';
import { serve } from './server.ts';
import { cloudagent, controller, makeSite, type TestSite } from './testing/site.ts';

let site: TestSite;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(async () => {
  await site.close();
});

const health = serve(HealthService, { checkHealth: async () => ({ healthy: true }) });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('waiting until a call is worth it', () => {
  it('does not begin before a connection was tried', async () => {
    const channel = await site.connect(await freePort(), controller);
    const waiting = worthCalling(channel, 60_000, new AbortController().signal);
    await expect(waiting).resolves.toBeUndefined();
  });

  it('ends as soon as the other side is there', async () => {
    const port = await freePort();
    const credentials = channelCredentials(await site.material(controller), cloudagent);
    const channel = openChannel(`127.0.0.1:${port}`, credentials, { backOffMs: 50, maxBackOffMs: 100 });
    const client = createClient(HealthService, channel);
    await expect(client.checkHealth({})).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    const waiting = worthCalling(channel, 60_000, new AbortController().signal);
    await site.start([health], { listen: `127.0.0.1:${port}` });
    await waiting;
    expect(await client.checkHealth({})).toMatchObject({ healthy: true });
    channel.close();
  });

  it('ends when it has taken too long, and when it is told to', async () => {
    const channel = await site.connect(await freePort(), controller);
    await expect(createClient(HealthService, channel).checkHealth({})).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    await worthCalling(channel, 50, new AbortController().signal);
    const stopping = new AbortController();
    const waiting = worthCalling(channel, 60_000, stopping.signal);
    stopping.abort();
    await waiting;
  });
});

describe('closing a channel', () => {
  it('that is still connecting lets go of its socket', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const silent = createServer((socket) => accepted.resolve(socket.on('error', () => undefined).resume()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const channel = await site.connect(port, controller);
    const call = createClient(HealthService, channel).checkHealth({});
    const socket = await accepted.promise;
    channel.close();
    await expect(call).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    await new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => silent.close(resolve));
  });
});
