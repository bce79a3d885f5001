import { anonymousChannelCredentials, channelCredentials, serverCredentials } from '@fairlead/certs';
import { createLogger, newTrace } from '@fairlead/telemetry';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { CertificatesService, LoadBalancersService, MachineService } from './definitions.ts';
import { explainCall } from './explain-call.ts';
import { detailOf, failure, RpcFailure, statusOf } from './failure.ts';
import { serve, startServer, type Handlers, type ServedService } from './server.ts';
import { cloudagent, controller, makeSite, type TestSite } from './test/site.ts';

type LoadBalancers = Handlers<typeof LoadBalancersService>;

let site: TestSite;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(async () => {
  await site.close();
});

function loadBalancers(handlers: Partial<LoadBalancers>): ServedService {
  const unused = async (): Promise<never> => {
    throw failure('UNIMPLEMENTED', 'UNUSED', 'not part of this test');
  };
  return serve(LoadBalancersService, {
    openSession: unused,
    syncNodes: unused,
    ensure: unused,
    delete: unused,
    async *watchStatus() {
      yield {};
      throw failure('UNIMPLEMENTED', 'UNUSED', 'not part of this test');
    },
    ...handlers,
  });
}

async function rejected(call: Promise<unknown>): Promise<RpcFailure> {
  return await call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => (error instanceof RpcFailure ? error : Promise.reject(error as Error)),
  );
}

describe('who calls', () => {
  it('is told to the handler from the certificate, whatever the client claims', async () => {
    const seen: unknown[] = [];
    const server = await site.start([
      loadBalancers({
        async openSession(request, context) {
          seen.push(request.cluster, context.identity, context.metadata.get('fairlead-other'));
          return { session: 2 ** 53 - 1 };
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    const metadata = Metadata({ 'fairlead-caller': 'admin-socket', 'fairlead-other': 'x' });
    const answer = await client.openSession({ cluster: 'prod' }, { metadata });
    expect(answer.session).toBe(2 ** 53 - 1);
    expect(seen).toEqual(['prod', controller, undefined]);
  });

  it('is asked before the call reaches its handler, and a refusal names the caller in the log', async () => {
    let called = false;
    const server = await site.start(
      [
        serve(CertificatesService, {
          async createJoinToken() {
            called = true;
            return {};
          },
          listCertificates: async () => ({}),
        }),
      ],
      {
        authorise: (caller, path) =>
          caller.kind === 'controller' && path === '/fairlead.v1.CertificatesService/CreateJoinToken'
            ? 'a controller may not make join tokens: ask an operator'
            : undefined,
      },
    );
    const client = createClient(CertificatesService, await site.connect(server.port, controller));
    const error = await rejected(client.createJoinToken({}));
    expect([statusOf(error), detailOf(error)?.reason]).toEqual(['PERMISSION_DENIED', 'NOT_ALLOWED']);
    expect(error.message).toBe('a controller may not make join tokens: ask an operator');
    expect(called).toBe(false);
    expect(site.lines).toEqual([
      expect.objectContaining({ level: 'warn', caller: 'fairlead://lab/controller/prod', msg: 'a call was refused' }),
    ]);
    await client.listCertificates({});
  });

  it('may no longer call when its certificate expires during the connection', async () => {
    let now = Date.now();
    const server = await site.start([loadBalancers({ openSession: async () => ({}) })], { now: () => now });
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    await client.openSession({});
    now += 3_700_000;
    const error = await rejected(client.openSession({}));
    expect([statusOf(error), detailOf(error)?.reason]).toEqual(['UNAUTHENTICATED', 'NOT_IDENTIFIED']);
    expect(error.message).toContain('expired');
  });

  it.each([
    ['has ended', -30],
    ['has not begun', 30],
  ])(
    'is turned away when its certificate %s by our clock, and the log says once to compare the clocks',
    async (fault, days) => {
      const server = await site.start([loadBalancers({ openSession: async () => ({}) })]);
      const source = await site.material(controller, 3_600_000, Date.now() + days * 86_400_000);
      for (let time = 0; time < 2; time++) {
        const address = `127.0.0.1:${server.port}`;
        const channel = site.channel(address, channelCredentials(source, cloudagent));
        const error = await rejected(createClient(LoadBalancersService, channel).openSession({}));
        expect(explainCall(error, address, Date.now())).toBe(
          `the cloudagent at ${address} ends the connection once it has seen who calls: see its log, and compare the clocks of both (see timedatectl)`,
        );
      }
      const told = `^a caller shows a certificate that ${fault} by the clock here, which says 2\\S+Z: compare the clocks of both`;
      expect(site.lines).toEqual([
        expect.objectContaining({ level: 'error', msg: expect.stringMatching(told) as unknown }),
      ]);
    },
  );

  it('is the local superuser on a unix socket that only its owner can reach', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
    try {
      const path = join(directory, 'admin.sock');
      const settings = { listen: `unix:${path}`, callers: 'admin-socket' } as const;
      let caller = '';
      const service = loadBalancers({
        async openSession(_request, context) {
          caller = context.identity.kind;
          return {};
        },
      });
      const server = await site.start([service], settings);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      await createClient(LoadBalancersService, site.channel(`unix:${path}`, undefined)).openSession({});
      expect(caller).toBe('admin-socket');
      await expect(site.start([service], settings)).rejects.toThrow('another process does');
      await server.stop();
      await (await site.start([service], settings)).stop();
      expect(() => statSync(path)).toThrow('ENOENT');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('who does not get in', () => {
  it('is a client without a certificate', async () => {
    const server = await site.start([loadBalancers({ openSession: async () => ({}) })]);
    const credentials = anonymousChannelCredentials(await site.material(controller), cloudagent);
    const client = createClient(LoadBalancersService, site.channel(`127.0.0.1:${server.port}`, credentials));
    expect(statusOf(await rejected(client.openSession({})))).toBe('UNAVAILABLE');
  });

  it('is a client of another site, even one of the same name', async () => {
    const stranger = await makeSite();
    const server = await site.start([loadBalancers({ openSession: async () => ({}) })]);
    const { roots } = (await site.material(controller)).current();
    const material = { ...(await stranger.material(controller)).current(), roots };
    const credentials = channelCredentials({ current: () => material, subscribe: () => () => {} }, cloudagent);
    const client = createClient(LoadBalancersService, site.channel(`127.0.0.1:${server.port}`, credentials));
    expect(statusOf(await rejected(client.openSession({})))).toBe('UNAVAILABLE');
  });

  it('is nobody at a port where each request proves itself', async () => {
    let caller = '';
    const source = await site.material(cloudagent);
    const service = loadBalancers({
      async openSession(_request, { identity }) {
        caller = identity.kind;
        return {};
      },
    });
    const credentials = serverCredentials(source, 'anonymous');
    const server = await site.start([service], { callers: 'anonymous', credentials });
    const channel = site.channel(`127.0.0.1:${server.port}`, anonymousChannelCredentials(source, cloudagent));
    await createClient(LoadBalancersService, channel).openSession({});
    expect(caller).toBe('anonymous');
  });
});

describe('what a caller is told of a failure', () => {
  it('is status, reason, field and message, in any script', async () => {
    const server = await site.start([
      loadBalancers({
        ensure: async () => {
          throw failure(
            'FAILED_PRECONDITION',
            'SESSION_SUPERSEDED',
            'eine neuere Sitzung läuft — öffne eine',
            'session',
          );
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    const error = await rejected(client.ensure({}));
    expect(statusOf(error)).toBe('FAILED_PRECONDITION');
    expect(detailOf(error)).toEqual({
      reason: 'SESSION_SUPERSEDED',
      field: 'session',
      message: 'eine neuere Sitzung läuft — öffne eine',
    });
    expect(site.lines).toEqual([]);
  });

  it('arrives cut, not lost, when it is too long for a header or not even well-formed', async () => {
    const messages = ['猫'.repeat(10_000), `${'x'.repeat(999)}😀`, '\ud800 alone'];
    const server = await site.start([
      loadBalancers({
        ensure: async ({ session }) => {
          throw failure('INVALID_ARGUMENT', 'BAD', messages[session]!);
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    for (const session of messages.keys()) {
      const error = await rejected(client.ensure({ session }));
      expect([statusOf(error), detailOf(error)?.reason]).toEqual(['INVALID_ARGUMENT', 'BAD']);
      expect(error.message.slice(0, 500)).toBe(messages[session]!.toWellFormed().slice(0, 500));
    }
  });

  it('is nothing of the inside when a handler breaks, which is logged once with the trace', async () => {
    const trace = newTrace();
    const server = await site.start([
      loadBalancers({
        ensure: async () => {
          throw new TypeError('cannot read /var/lib/secret');
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    const error = await rejected(client.ensure({}, { trace }));
    expect([statusOf(error), detailOf(error)?.reason]).toEqual(['INTERNAL', 'INTERNAL']);
    expect(error.message).not.toContain('secret');
    expect(error.message).toContain(trace.traceId);
    expect(site.lines).toEqual([
      expect.objectContaining({
        trace_id: trace.traceId,
        err: expect.objectContaining({ message: 'cannot read /var/lib/secret' }) as unknown,
      }),
    ]);
  });

  it('is INTERNAL when the failure came from a call that the handler itself made', async () => {
    const server = await site.start([
      loadBalancers({
        ensure: async () => {
          throw new RpcFailure('NOT_FOUND', { reason: 'X', field: '', message: 'of another service' }, 'remote');
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    expect(statusOf(await rejected(client.ensure({})))).toBe('INTERNAL');
  });

  it('is DEADLINE_EXCEEDED when no answer comes in time, and the handler sees that the caller has gone', async () => {
    const gone = Promise.withResolvers<boolean>();
    const server = await site.start([
      loadBalancers({
        async ensure(_request, { signal }) {
          signal.addEventListener('abort', () => gone.resolve(true));
          return await new Promise<never>(() => {});
        },
      }),
    ]);
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller), { timeoutMs: 300 });
    const error = await rejected(client.ensure({}));
    expect(statusOf(error)).toBe('DEADLINE_EXCEEDED');
    expect(error.message).toContain('within 300 ms');
    expect(await gone.promise).toBe(true);
  });

  it('is UNAVAILABLE when nobody listens', async () => {
    const server = await site.start([]);
    const channel = await site.connect(server.port, controller);
    await server.stop();
    expect(statusOf(await rejected(createClient(LoadBalancersService, channel).ensure({})))).toBe('UNAVAILABLE');
  });
});

describe('a stream', () => {
  it('carries messages both ways and the trace of its caller', async () => {
    const trace = newTrace();
    const machine = serve(MachineService, {
      getConfig: async () => ({}),
      async *sync(requests, context) {
        yield { traceparent: context.trace.traceId };
        for await (const request of requests) yield { applied: request.delta?.to };
      },
    });
    const server = await site.start([machine]);
    const client = createClient(MachineService, await site.connect(server.port, controller));
    const answers = [];
    async function* updates() {
      yield { delta: { to: { epoch: 1, generation: 7 } } };
    }
    for await (const answer of client.sync(updates(), { trace })) answers.push(answer);
    expect(answers[0]?.traceparent).toBe(trace.traceId);
    expect(answers[1]?.applied?.generation).toBe(7);
  });

  it('ends with UNAVAILABLE when the server stops, though its handler would go on for ever', async () => {
    const server = await site.start([
      loadBalancers({
        async *watchStatus(_request, { signal }) {
          yield { removed: 'a' };
          await sleep(1e6, undefined, { signal });
        },
      }),
    ]);
    const stream = createClient(LoadBalancersService, await site.connect(server.port, controller)).watchStatus({});
    const events = stream[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ removed: 'a' });
    const ended = rejected(events.next());
    const started = Date.now();
    await server.stop(5_000);
    expect(detailOf(await ended)?.reason).toBe('STOPPING');
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it('that has become old is ended in good order', async () => {
    const server = await site.start(
      [
        loadBalancers({
          async *watchStatus(_request, { signal }) {
            yield {};
            await sleep(1e6, undefined, { signal });
          },
        }),
      ],
      { limits: { maxStreamAgeMs: 200 } },
    );
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    let events = 0;
    for await (const event of client.watchStatus({})) events += Number(event !== undefined);
    expect(events).toBe(1);
    expect(site.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('limits', () => {
  it('refuse a request that is larger than allowed', async () => {
    const server = await site.start([loadBalancers({ ensure: async () => ({}) })], {
      limits: { maxRequestBytes: 1_000 },
    });
    const client = createClient(LoadBalancersService, await site.connect(server.port, controller));
    const error = await rejected(client.ensure({ loadBalancer: { name: 'x'.repeat(2_000) } }));
    expect(statusOf(error)).toBe('RESOURCE_EXHAUSTED');
  });

  it('do not let a server without credentials listen on the network', async () => {
    const settings = { listen: '127.0.0.1:0', callers: 'certificate', authorise: () => undefined } as const;
    const log = createLogger({ component: 'x', level: 'silent' });
    await expect(startServer({ ...settings, services: [], log })).rejects.toThrow('needs credentials');
  });

  it('name the address that cannot be had', async () => {
    const first = await site.start([]);
    await expect(site.start([], { listen: `127.0.0.1:${first.port}` })).rejects.toThrow(`127.0.0.1:${first.port}`);
  });
});

it("a client that shows the cloudagent's certificate is the cloudagent", async () => {
  const seen: unknown[] = [];
  const server = await site.start([
    loadBalancers({
      async openSession(_request, { identity }) {
        seen.push(identity);
        return {};
      },
    }),
  ]);
  await createClient(LoadBalancersService, await site.connect(server.port, cloudagent)).openSession({});
  expect(seen).toEqual([cloudagent]);
});
