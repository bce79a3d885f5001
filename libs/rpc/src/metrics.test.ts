import { serverCredentials } from '@fairlead/certs';
import { createMetrics } from '@fairlead/telemetry';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClient, type RpcClient } from './client.ts';
import { HealthService } from './definitions.ts';
import { failure } from './failure.ts';
import { createRpcMetrics } from './metrics.ts';
import { serve, type Handlers } from './server.ts';
import { cloudagent, controller, makeSite, type TestSite } from './testing/site.ts';

const METHOD = '/fairlead.v1.HealthService/CheckHealth';

let site: TestSite;
let registry: ReturnType<typeof createMetrics>;
beforeEach(async () => {
  site = await makeSite();
  registry = createMetrics({ component: 'test', version: '0' });
});
afterEach(async () => {
  await site.close();
});

async function start(
  checkHealth: Handlers<typeof HealthService>['checkHealth'],
  authorise = (): string | undefined => undefined,
) {
  const metrics = createRpcMetrics(registry);
  const server = await site.start([serve(HealthService, { checkHealth })], { metrics, authorise });
  const client = createClient(HealthService, await site.connect(server.port, controller), { metrics });
  return { port: server.port, client };
}

async function counted(name: string): Promise<string[]> {
  const lines = (await registry.metrics()).split('\n');
  return lines
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => line.slice(name.length))
    .sort();
}

async function callAll(client: RpcClient<typeof HealthService>, count: number, timeoutMs = 10_000): Promise<void> {
  for (let call = 0; call < count; call++) await client.checkHealth({}, { timeoutMs }).catch(() => undefined);
}

it('counts each call once on either side, by method and how it ended', async () => {
  let calls = 0;
  const { client } = await start(async () => {
    if (++calls > 2) throw failure('NOT_FOUND', 'NOT_THERE', 'there is no third');
    return {};
  });
  await callAll(client, 3);
  const expected = [`{method="${METHOD}",code="NOT_FOUND"} 1`, `{method="${METHOD}",code="OK"} 2`];
  expect(await counted('fairlead_rpc_server_calls_total')).toEqual(expected);
  expect(await counted('fairlead_rpc_client_calls_total')).toEqual(expected);
});

it('counts a refused call, and one whose caller did not wait', async () => {
  let answer: string | undefined = 'not you';
  const { client } = await start(
    async (_request, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return {};
    },
    () => answer,
  );
  await callAll(client, 1);
  answer = undefined;
  await callAll(client, 1, 200);
  expect(await counted('fairlead_rpc_client_calls_total')).toEqual([
    `{method="${METHOD}",code="DEADLINE_EXCEEDED"} 1`,
    `{method="${METHOD}",code="PERMISSION_DENIED"} 1`,
  ]);
  const served = (): Promise<string[]> => counted('fairlead_rpc_server_calls_total');
  await expect.poll(served).toHaveLength(2);
  expect(await served()).toContain(`{method="${METHOD}",code="PERMISSION_DENIED"} 1`);
});

it('counts those who do not get through the handshake, by reason', async () => {
  const { port, client } = await start(async () => ({}));
  await handshake({ port });
  const stranger = await makeSite();
  const { privateKey, certificateChain } = (await stranger.material(controller)).current();
  await handshake({ port, key: privateKey, cert: certificateChain });
  await handshake({ port, maxVersion: 'TLSv1.2' });
  await new Promise<void>((resolve) => {
    connectTcp(port, '127.0.0.1', function (this: ReturnType<typeof connectTcp>) {
      this.end('GET / HTTP/1.0\r\n\r\n');
    }).on('close', () => resolve());
  });
  await client.checkHealth({});
  const listen = 'listen="127.0.0.1:0"';
  await expect
    .poll(() => counted('fairlead_rpc_handshakes_refused_total'))
    .toEqual([
      `{${listen},reason="ERR_SSL_HTTP_REQUEST"} 1`,
      `{${listen},reason="ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"} 1`,
      `{${listen},reason="ERR_SSL_UNSUPPORTED_PROTOCOL"} 1`,
      `{${listen},reason="UNABLE_TO_GET_ISSUER_CERT_LOCALLY"} 1`,
    ]);
});

it('counts no handshake of a server that began to listen at the same time', async () => {
  const metrics = createRpcMetrics(registry);
  const credentials = async () => serverCredentials(await site.material(cloudagent), 'required');
  const [counting, other] = await Promise.all([
    site.start([], { metrics, credentials: await credentials() }),
    site.start([], { credentials: await credentials() }),
  ]);
  await handshake({ port: other.port });
  await handshake({ port: counting.port });
  await expect.poll(() => counted('fairlead_rpc_handshakes_refused_total')).toHaveLength(1);
  expect((await counted('fairlead_rpc_handshakes_refused_total'))[0]).toMatch(/ 1$/);
});

function handshake(options: ConnectionOptions): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'], ...options });
    socket
      .on('error', () => undefined)
      .on('close', () => resolve())
      .resume();
  });
}
