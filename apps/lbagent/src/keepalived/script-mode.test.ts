import { expect, it } from 'vitest';
import { scriptModeOf } from './script-mode.ts';

const WHOLE = '         0          0 4294967295\n';
const ONE = '         0       1000          1\n';
const MANY = `${ONE}         1     100000      65536\n`;

it.each([
  ['on a real machine keepalived runs the scripts', WHOLE, WHOLE, 'keepalived'],
  ['in a user namespace with groups too, but cannot tell whose files they are', MANY, MANY, 'keepalived-unsecured'],
  ['in one with a single group lbagent does it', ONE, ONE, 'lbagent'],
])('%s', (_, uids, gids, mode) => {
  expect(scriptModeOf(uids, gids)).toBe(mode);
});
