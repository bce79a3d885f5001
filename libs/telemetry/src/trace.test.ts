import { expect, it } from 'vitest';
import { childOf, formatTraceparent, newTrace, parseTraceparent } from './trace.ts';

const example = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

it('a trace is the same after a header', () => {
  const trace = newTrace();
  expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
  expect(formatTraceparent(parseTraceparent(example)!)).toBe(example);
});

it('a step keeps the story and gets an id of its own', () => {
  const parent = parseTraceparent(example)!;
  const child = childOf(parent);
  expect(child.traceId).toBe(parent.traceId);
  expect(child.spanId).not.toBe(parent.spanId);
  expect(childOf({ ...parent, sampled: false }).sampled).toBe(false);
  expect(childOf(undefined).traceId).toMatch(/^[0-9a-f]{32}$/);
});

it('no id is all zeros, which would mean none', () => {
  const trace = newTrace((count) => new Uint8Array(count));
  expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
});

it.each([
  ['nothing', undefined],
  ['another text', 'hello'],
  ['version ff', example.replace(/^00/, 'ff')],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
  ['a span id of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
  ['capital letters', example.toUpperCase()],
  ['more than version 00 has', `${example}-more`],
])('%s is no trace', (_what, text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

it('a later version is read as far as it is known', () => {
  expect(parseTraceparent(`${example.replace(/^00/, '01')}-more`)?.sampled).toBe(true);
});
