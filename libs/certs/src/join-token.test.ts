import { describe, expect, it } from 'vitest';
import { createAuthority } from './authority.ts';
import {
  decodeJoinToken,
  encodeJoinToken,
  hashSecret,
  newTokenSecret,
  secretMatches,
  type JoinToken,
} from './join-token.ts';

const { root } = await createAuthority('lab', Date.now());
const token: JoinToken = {
  ...newTokenSecret(),
  site: 'lab',
  kind: 'lbagent',
  name: 'lb-1',
  join: '192.168.0.9:7421',
  control: '[fd12::9]:7420',
  rootCertificate: root.certificate,
};

const wrapped = (json: unknown): string => `fairlead1.${Buffer.from(JSON.stringify(json)).toString('base64url')}`;
const plain = { ...token, rootCertificate: Buffer.from(token.rootCertificate).toString('base64') };

describe('a join token', () => {
  it('is one word that says everything needed to join', () => {
    const text = encodeJoinToken(token);
    expect(text).toMatch(/^fairlead1\.[\w-]+$/);
    expect(decodeJoinToken(`\n ${text}\n`)).toEqual({ token });
  });

  it('is refused with a word on where to get one when it is something else', () => {
    expect(decodeJoinToken('hello')).toEqual({ refused: expect.stringContaining('fairlead tokens create') as unknown });
  });

  it('is refused when it was cut off anywhere', () => {
    const text = encodeJoinToken(token);
    for (let length = 0; length < text.length - 1; length += 7) {
      expect(decodeJoinToken(text.slice(0, length))).toHaveProperty('refused');
    }
  });

  it.each([
    ['another kind', { ...plain, kind: 'cloudagent' }],
    ['a name with a slash', { ...plain, name: 'a/b' }],
    ['no secret', { ...plain, secret: '' }],
    ['an address without a port', { ...plain, join: 'host' }],
    ['an address with more than one word', { ...plain, control: 'a b:1' }],
    ['port 0', { ...plain, control: 'host:0' }],
    ['a number for a name', { ...plain, name: 1 }],
    ['no root', { ...plain, rootCertificate: '' }],
    ['nothing', null],
  ])('is refused with %s', (_what, json) => {
    expect(decodeJoinToken(wrapped(json))).toHaveProperty('refused');
  });

  it('is known by the hash of its secret only', () => {
    const { secret } = newTokenSecret();
    expect(secretMatches(secret, hashSecret(secret))).toBe(true);
    expect(secretMatches(newTokenSecret().secret, hashSecret(secret))).toBe(false);
    expect(secretMatches(secret, '')).toBe(false);
  });
});
