import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHealthBoard, type HealthBoard } from './health.ts';
import { Counter, createMetrics } from './metrics.ts';
import { startTelemetryServer, type TelemetryServer } from './telemetry-server.ts';

let board: HealthBoard;
let server: TelemetryServer;
const registry = createMetrics({ component: 'lbagent', version: '0.1.0' });

beforeEach(async () => {
  board = createHealthBoard(['haproxy']);
  server = await startTelemetryServer({ listen: '127.0.0.1:0', registry, health: board });
});
afterEach(async () => {
  await server.stop();
});

async function get(path: string, method = 'GET'): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return [response.status, await response.text()];
}

it('/readyz names what is wrong, one problem a line, and /healthz does not mind', async () => {
  board.report('keepalived', 'keepalived is stopped: start it');
  expect(await get('/readyz')).toEqual([503, 'haproxy has not started yet\nkeepalived is stopped: start it\n']);
  expect(await get('/healthz')).toEqual([200, 'ok\n']);
  board.report('haproxy', undefined);
  board.report('keepalived', undefined);
  expect(await get('/readyz?verbose')).toEqual([200, 'ok\n']);
});

it('/metrics has the process and what the parts count', async () => {
  new Counter({ name: 'fairlead_test_total', help: 'Of this test.', registers: [registry] }).inc();
  const [status, text] = await get('/metrics');
  expect(status).toBe(200);
  expect(text).toContain('fairlead_build_info{component="lbagent",version="0.1.0"} 1');
  expect(text).toContain('fairlead_test_total 1');
  for (const name of ['process_resident_memory_bytes', 'process_start_time_seconds']) {
    expect(Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])).toBeGreaterThan(1e6);
  }
});

it('everything else is refused', async () => {
  expect((await get('/'))[0]).toBe(404);
  expect((await get('/metrics', 'POST'))[0]).toBe(405);
});

it('an address that cannot be had is named', async () => {
  const listen = `127.0.0.1:${server.port}`;
  await expect(startTelemetryServer({ listen, registry, health: board })).rejects.toThrow(`${listen} is taken`);
  await expect(startTelemetryServer({ listen: '7422', registry, health: board })).rejects.toThrow('write HOST:PORT');
});
