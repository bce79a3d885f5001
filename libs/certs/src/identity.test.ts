import { describe, expect, it } from 'vitest';
import { formatIdentity, isName, parseIdentity, type Identity } from './identity.ts';

const all: Identity[] = [
  { kind: 'cloudagent', site: 'lab' },
  { kind: 'controller', site: 'lab', name: 'prod' },
  { kind: 'lbagent', site: 'lab', name: 'lb-1' },
  { kind: 'operator', site: 'lab', name: 'a' },
];

describe('an identity', () => {
  it.each(all)('is read back from its URI: $kind', (identity) => {
    expect(parseIdentity(formatIdentity(identity))).toEqual(identity);
  });

  it.each([
    'fairlead://lab',
    'fairlead://lab/',
    'fairlead://lab/cloudagent/',
    'fairlead://lab/cloudagent/x',
    'fairlead://lab/lbagent',
    'fairlead://lab/lbagent/',
    'fairlead://lab/lbagent/lb-1/',
    'fairlead://lab/lbagent/lb-1/more',
    'fairlead://lab/LBAGENT/lb-1',
    'fairlead://lab/somebody/lb-1',
    'fairlead:///lbagent/lb-1',
    'fairlead:/lab/lbagent/lb-1',
    'https://lab/lbagent/lb-1',
    ' fairlead://lab/lbagent/lb-1',
    'fairlead://lab/lbagent/lb-1\n',
    'fairlead://lab/lbagent/lb-1\0',
    'fairlead://lab/lbagent/../cloudagent',
    'fairlead://lab/lbagent/LB-1',
    'fairlead://lab/lbagent/lb%2d1',
    'fairlead://lab/lbagent/lb-1?x',
    'fairlead://user@lab/lbagent/lb-1',
    'fairlead://lab:1/lbagent/lb-1',
    '',
  ])('is never read from %j', (uri) => {
    expect(parseIdentity(uri)).toBeUndefined();
  });

  it('is not made of a name that could be read as something else', () => {
    expect(() => formatIdentity({ kind: 'lbagent', site: 'lab', name: 'a/b' })).toThrow(/1-63 of a-z/);
    expect(() => formatIdentity({ kind: 'cloudagent', site: 'lab/cloudagent' })).toThrow(RangeError);
  });
});

describe('a name', () => {
  it.each(['a', '0', 'lb-1', 'a'.repeat(63)])('may be %j', (name) => expect(isName(name)).toBe(true));
  it.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'ä', 'a\n', 'a '.trimStart(), 'a'.repeat(64)])('may not be %j', (name) =>
    expect(isName(name)).toBe(false),
  );
});
