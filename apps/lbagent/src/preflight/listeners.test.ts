import { expect, it } from 'vitest';
import { isListening } from './listeners.ts';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, state: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 12345`;

it.each([
  ['on 127.0.0.1', line('0100007F:1388', '0A'), true],
  ['on every address', line('00000000:1388', '0A'), true],
  ['on every address of v6', line(`${'0'.repeat(32)}:1388`, '0A'), true],
  ['on another address', line('0B00090A:1388', '0A'), false],
  ['on another port', line('0100007F:1389', '0A'), false],
  ['nowhere: it is a connection', line('0100007F:1388', '01'), false],
  ['nowhere', '', false],
])('somebody listens %s', (_where, row, expected) => {
  expect(isListening(`${HEADER}\n${row}\n`, '127.0.0.1', 5000)).toBe(expected);
});

it.each([
  ['on ::1', line('00000000000000000000000001000000:1388', '0A'), true],
  ['on every address of v6', line(`${'0'.repeat(32)}:1388`, '0A'), true],
  ['on 127.0.0.1', line('0100007F:1388', '0A'), false],
])('somebody listens for ::1 %s', (_where, row, expected) => {
  expect(isListening(`${HEADER}\n${row}\n`, '::1', 5000)).toBe(expected);
});
