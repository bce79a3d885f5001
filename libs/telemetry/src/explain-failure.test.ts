import { mkdtempSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type ListenOptions } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { explainFailure } from './explain-failure.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-explain-'));
  writeFileSync(join(directory, 'file'), '');
});
afterAll(() => rmSync(directory, { recursive: true }));

it.each<[string, () => unknown, RegExp]>([
  ['a file that is not there', () => readFileSync(at('none')), /\/none is not there: make it, or correct its path$/],
  ['a file for a directory', () => readFileSync(at('file/below')), /\/file\/below is in the way.*: move it away/],
  ['a directory for a file', () => writeFileSync(directory, ''), /is a directory where a file is needed: move it away/],
  ['a file where a directory is to be', () => mkdirSync(at('file'), { recursive: true }), /\/file is in the way/],
  ['a path that is too long', () => readFileSync(at('x'.repeat(300))), /is too long: choose a shorter one$/],
  ['what has no words of its own', () => readlinkSync(at('file')), /EINVAL/],
])('%s is told in one sentence with what to do', (_what, fail, sentence) => {
  expect(explainFailure(caught(fail))).toMatch(sentence);
});

it('an address of another machine to listen on is named', async () => {
  const failure = await failureOf({ host: '192.0.2.1', port: 0 });
  expect(explainFailure(failure)).toMatch(/^192\.0\.2\.1 is not an address of this machine/);
});

it('a port that is taken is named, with the way to find out by whom', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const sentence = explainFailure(await failureOf({ host: '127.0.0.1', port }));
  await new Promise((resolve) => server.close(resolve));
  expect(sentence).toBe(
    `127.0.0.1:${port} is taken by another process (\`ss -lntp\` names it): end that one, or choose another port`,
  );
  const refused = await new Promise((resolve) => connect(port, '127.0.0.1').once('error', resolve));
  expect(explainFailure(refused)).toContain(`127.0.0.1:${port} refuses connections`);
});

it('an error of ours is left as it says, and what is no error is told all the same', () => {
  expect(explainFailure(new Error('the pool is full: widen it'))).toBe('the pool is full: widen it');
  expect(explainFailure('cut')).toBe('cut');
});

const at = (name: string): string => join(directory, name);

function caught(fail: () => unknown): unknown {
  try {
    fail();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

function failureOf(options: ListenOptions): Promise<unknown> {
  return new Promise((resolve) => createServer().once('error', resolve).listen(options));
}
