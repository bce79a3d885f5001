import { expect, it } from 'vitest';
import { createLogger, withTrace, type Logger } from './log.ts';
import { newTrace } from './trace.ts';

function collect(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { log: createLogger({ component: 'lbagent', level: 'info', destination }), lines };
}

it('a line is JSON with level, time, component, trace and message', () => {
  const { log, lines } = collect();
  const trace = newTrace();
  withTrace(log, trace).info({ key: 'default/web' }, 'applied');
  log.debug('not at this level');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      component: 'lbagent',
      trace_id: trace.traceId,
      key: 'default/web',
      msg: 'applied',
    },
  ]);
});

it.each([
  ['a field of that name', { token: 's3cret' }],
  ['a field further down', { request: { options: { password: 's3cret' } } }],
  ['a join token in an error', { err: new Error('cannot read fairlead1.s3cret-_x') }],
  ['a private key in a text', { text: '-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n' }],
  ['a private key that was cut off', { text: '-----BEGIN EC PRIVATE KEY-----\ns3cret' }],
])('a secret never gets out: %s', (_what, fields) => {
  const { log, lines } = collect();
  log.error(fields, 'failed with fairlead1.s3cret');
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('s3cret');
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error' });
});

it('an expected failure is a sentence without a stack, with the facts it carries', () => {
  const { log, lines } = collect();
  const failure = Object.assign(new Error('read-only'), { code: 'EROFS', syscall: 'open', path: '/var/lib/x' });
  log.warn({ err: new Error('the certificate is not kept', { cause: failure }) }, 'not yet');
  expect(JSON.parse(lines[0]!)).toMatchObject({
    err: { type: 'Error', message: expect.stringMatching(/^the certificate is not kept: \/var\/lib\/x is on a file/) },
  });
  expect(lines[0]).not.toContain('log.test.ts');
});

it('a mistake of the program brings its stack', () => {
  const { log, lines } = collect();
  log.error({ err: new TypeError('undefined is not a function') }, 'failed');
  expect(lines[0]).toContain('log.test.ts');
});
