import { expect, it } from 'vitest';
import { readProxyHeader } from './proxy-header.ts';

const V1 = Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1234 80\r\nhello');
const V2 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a21110010', 'hex'),
  Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 4, 210, 0, 80, 0, 0, 0, 0]),
  Buffer.from('hello'),
]);

it.each([
  ['v1', V1],
  ['v2', V2],
])('reads a header of %s, whole or in parts', (version, bytes) => {
  expect(readProxyHeader(bytes)).toEqual({ version, client: '10.0.0.1:1234', rest: 'hello' });
  for (let length = 0; length < bytes.length - 'hello'.length - 1; length++) {
    expect(readProxyHeader(bytes.subarray(0, length))).toBe('more');
  }
});

it.each(['GET / HTTP/1.1\r\n', 'PROXY UNKNOWN\r\n', 'hello'])('takes %j for none', (text) => {
  expect(readProxyHeader(Buffer.from(text))).toBeUndefined();
});
