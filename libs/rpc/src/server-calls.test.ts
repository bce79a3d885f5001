import { setTimeout as sleep } from 'node:timers/promises';
import { newTrace } from '@fairlead/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { LoadBalancersService, MachineService } from './definitions.ts';
import { detailOf, failure, RpcFailure, statusOf } from './failure.ts';
import { serve } from './server.ts';
import { controller, makeSite, type TestSite } from './testing/site.ts';
import { loadBalancers, rejected } from './testing/load-balancers.ts';

let site: TestSite;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(async () => {
  await site.close();
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
