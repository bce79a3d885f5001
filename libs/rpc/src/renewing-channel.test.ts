import { channelCredentials, materialSource } from '@fairlead/certs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel } from './channel.ts';
import { createClient } from './client.ts';
import { GrpcHealthService, HealthService } from './definitions.ts';
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

/** A client whose certificate is the source's to change, and a server whose clock is ours. */
async function start() {
  let ahead = 0;
  const news = Promise.withResolvers<void>();
  const watch = serve(GrpcHealthService, {
    check: async () => ({}),
    async *watch() {
      yield { status: 1 };
      await news.promise;
      yield { status: 2 };
    },
  });
  const server = await site.start([health, watch], { now: () => Date.now() + ahead });
  const source = materialSource((await site.material(controller, 60_000)).current());
  const credentials = channelCredentials(source, cloudagent);
  const quick = { keepaliveMs: 100, keepaliveTimeoutMs: 5_000 };
  const channel = openChannel(`127.0.0.1:${server.port}`, credentials, { renewed: source, ...quick });
  return {
    channel,
    source,
    news,
    letPass: (ms: number) => (ahead += ms),
    renew: async (lifetime: number) => source.replace((await site.material(controller, lifetime)).current()),
  };
}

describe('after its certificate was renewed a channel', () => {
  it('begins calls with the new one, though the connection with the old one stands', async () => {
    const { channel, letPass, renew } = await start();
    const client = createClient(HealthService, channel);
    await client.checkHealth({});
    await renew(3_600_000);
    letPass(120_000);
    expect(await client.checkHealth({})).toMatchObject({ healthy: true });
    channel.close();
  });

  it('lets a stream go on where it began', async () => {
    const { channel, news, renew } = await start();
    const stream = createClient(GrpcHealthService, channel).watch({})[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: { status: 1 } });
    await renew(3_600_000);
    await createClient(HealthService, channel).checkHealth({});
    // Several keepalives.
    await sleep(500);
    news.resolve();
    expect(await stream.next()).toMatchObject({ value: { status: 2 } });
    expect(await stream.next()).toMatchObject({ done: true });
    channel.close();
  });

  it('fails no call, however often that happens', async () => {
    const { channel, renew } = await start();
    const client = createClient(HealthService, channel);
    const failures: unknown[] = [];
    let calls = 0;
    const stopping = new AbortController();
    const call = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        calls += 1;
        await client.checkHealth({}).catch((error: unknown) => failures.push(error));
      }
    };
    const calling = Promise.all(Array.from({ length: 8 }, call));
    for (let times = 0; times < 20; times += 1) {
      await renew(3_600_000);
      await sleep(50);
    }
    stopping.abort();
    await calling;
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(20);
    channel.close();
  });
});
