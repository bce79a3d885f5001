import { anonymousChannelCredentials, channelCredentials, serverCredentials } from '@fairlead/certs';
import { createLogger } from '@fairlead/telemetry';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { CertificatesService, LoadBalancersService } from './definitions.ts';
import { explainCall } from './explain-call.ts';
import { detailOf, statusOf } from './failure.ts';
import { serve, startServer } from './server.ts';
import { cloudagent, controller, makeSite, type TestSite } from './testing/site.ts';
import { loadBalancers, rejected } from './testing/load-balancers.ts';

let site: TestSite;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(async () => {
  await site.close();
});

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
