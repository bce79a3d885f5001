import { createHealthBoard, type HealthBoard, type HealthSource } from '@fairlead/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as pb from '#gen';
import { createClient, type RpcClient } from './client.ts';
import { GrpcHealthService, HealthService } from './definitions.ts';
import { statusOf } from './failure.ts';
import { healthServices } from './health.ts';
import type { RunningServer } from './server.ts';
import { controller, makeSite, type TestSite } from './testing/site.ts';

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = pb.HealthCheckResponse.ServingStatus;

let site: TestSite;
let board: HealthBoard;
/** Resolves when somebody waits for a change. */
let waits: PromiseWithResolvers<void>;
let server: RunningServer;
let health: RpcClient<typeof HealthService>;
let prober: RpcClient<typeof GrpcHealthService>;

beforeEach(async () => {
  site = await makeSite();
  board = createHealthBoard();
  waits = Promise.withResolvers();
  const source: HealthSource = {
    current: () => board.current(),
    subscribe(listener) {
      waits.resolve();
      return board.subscribe(listener);
    },
  };
  server = await site.start(healthServices({ source, version: '1.2.3', serviceNames: ['fairlead.v1.MachineService'] }));
  const channel = await site.connect(server.port, controller);
  health = createClient(HealthService, channel);
  prober = createClient(GrpcHealthService, channel);
});
afterEach(async () => {
  await site.close();
});

it('CheckHealth without a time answers at once what is wrong', async () => {
  board.report('haproxy', 'haproxy does not answer: see its log');
  const answer = await health.checkHealth({});
  expect([answer.healthy, answer.problems, answer.version]).toEqual([
    false,
    ['haproxy does not answer: see its log'],
    '1.2.3',
  ]);
});

it('CheckHealth with a time answers when the health changes', async () => {
  const answer = health.checkHealth({ timeoutSeconds: 3_600 });
  await waits.promise;
  expect(await Promise.race([answer, sleep(50, 'waiting')])).toBe('waiting');
  board.report('store', 'the disk is full: free some space');
  expect((await answer).problems).toEqual(['the disk is full: free some space']);
});

it('CheckHealth with a time answers the same when nothing has changed by then', async () => {
  const started = performance.now();
  expect((await health.checkHealth({ timeoutSeconds: 1 })).healthy).toBe(true);
  expect(performance.now() - started).toBeGreaterThan(900);
});

it('CheckHealth refuses to wait longer than an hour', async () => {
  const error: unknown = await health.checkHealth({ timeoutSeconds: 3_601 }).catch((error: unknown) => error);
  expect(statusOf(error)).toBe('INVALID_ARGUMENT');
});

it('CheckHealth does not keep a server from stopping', async () => {
  const answer = health.checkHealth({ timeoutSeconds: 3_600 });
  await waits.promise;
  const started = performance.now();
  await Promise.all([server.stop(5_000), answer]);
  expect(performance.now() - started).toBeLessThan(2_000);
});

it('grpc.health.v1 says SERVING or NOT_SERVING for the process and the services named, else NOT_FOUND', async () => {
  expect((await prober.check({})).status).toBe(SERVING);
  board.report('haproxy', 'gone');
  expect((await prober.check({ service: 'fairlead.v1.MachineService' })).status).toBe(NOT_SERVING);
  const error: unknown = await prober.check({ service: 'x' }).catch((error: unknown) => error);
  expect(statusOf(error)).toBe('NOT_FOUND');
});

it('grpc.health.v1 Watch tells the state at once and then each change, but no more', async () => {
  const states = prober.watch({})[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => (await states.next()).value?.status;
  expect(await next()).toBe(SERVING);
  board.report('haproxy', 'gone');
  board.report('keepalived', 'gone too');
  expect(await next()).toBe(NOT_SERVING);
  board.report('haproxy', undefined);
  board.report('keepalived', undefined);
  expect(await next()).toBe(SERVING);
  await states.return?.();
});

it('grpc.health.v1 Watch of an unknown service says so and stays open', async () => {
  const end = new AbortController();
  const states = prober.watch({ service: 'x' }, { signal: end.signal })[Symbol.asyncIterator]();
  expect((await states.next()).value?.status).toBe(SERVICE_UNKNOWN);
  const second = states.next();
  expect(await Promise.race([second, sleep(100, 'open')])).toBe('open');
  end.abort();
  await expect(second).rejects.toThrow('aborted');
});
