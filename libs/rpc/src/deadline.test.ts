import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openChannel } from './channel.ts';
import { createClient } from './client.ts';
import { HealthService } from './definitions.ts';

it('travels with the call, so that the other side stops too when its network tells it nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-deadline-'));
  const socket = join(directory, 'socket');
  const asked: IncomingHttpHeaders[] = [];
  const server = createServer().on('stream', (stream, headers) => {
    asked.push(headers);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '4' }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const channel = openChannel(`unix:${socket}`, undefined);
  try {
    const health = createClient(HealthService, channel);
    const answer = health.checkHealth({}, { timeoutMs: 2_500 });
    await expect(answer).rejects.toMatchObject({
      status: 'DEADLINE_EXCEEDED',
      detail: { message: expect.stringContaining('within 2500 ms') as string },
    });
    await expect(health.checkHealth({})).rejects.toMatchObject({ status: 'DEADLINE_EXCEEDED' });
    expect(asked.map((headers) => headers['grpc-timeout'])).toEqual(['2500m', '10000m']);
  } finally {
    channel.close();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  }
});
