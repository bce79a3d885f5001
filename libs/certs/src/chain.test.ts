import { describe, expect, it } from 'vitest';
import { createAuthority, issueLeaf, type AuthorityState } from './authority.ts';
import { signCertificate, type CertificateTemplate } from './certificate.ts';
import { defaultGrace, judgeRenewal, type RenewalRule } from './chain.ts';
import { readChain } from './chain-facts.ts';
import { formatIdentity, type Identity } from './identity.ts';
import { makeKeyPair } from './keys.ts';

const now = Date.UTC(2026, 5, 1);
const hour = 3_600_000;
const machine = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;
const ours = await createAuthority('lab', now);
const rogue = await createAuthority('lab', now);
const keys = await makeKeyPair();

const rule: RenewalRule = {
  site: 'lab',
  now: now + hour,
  grace: defaultGrace,
  revokedSerials: new Set(),
  revokedIdentities: new Set(),
  isKnown: () => true,
};

const roots = [ours.root.certificate];

function chainOf(authority: AuthorityState, identity: Identity = machine, lifetime = 24 * hour): readonly Buffer[] {
  return issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime, now }).chain;
}

function judge(chain: readonly Uint8Array[], changes: Partial<RenewalRule> = {}): unknown {
  const facts = readChain(chain, roots);
  if (facts === undefined) return 'unreadable';
  const verdict = judgeRenewal(facts, { ...rule, ...changes });
  return 'refused' in verdict ? verdict.refused : verdict;
}

/** A leaf by our own issuing CA that our issuer would never make. */
function odd(changes: Partial<CertificateTemplate>): Buffer[] {
  const template: CertificateTemplate = {
    publicKey: keys.publicKey,
    subject: [],
    uri: formatIdentity(machine),
    notBefore: now - 60_000,
    notAfter: now + 24 * hour,
    role: { ca: false, usages: ['serverAuth', 'clientAuth'] },
    ...changes,
  };
  return [signCertificate(template, ours.issuing), Buffer.from(ours.issuing.certificate)];
}

describe('a renewal', () => {
  it('is granted to a valid certificate', () => {
    expect(judge(chainOf(ours))).toEqual({ accepted: machine, expiredFor: 0 });
  });

  it('is granted when the root was sent along', () => {
    expect(judge([...chainOf(ours), ours.root.certificate])).toEqual({ accepted: machine, expiredFor: 0 });
  });

  it('is granted after the end, within the grace, to one that is known', () => {
    expect(judge(chainOf(ours), { now: now + 25 * hour })).toEqual({ accepted: machine, expiredFor: hour });
    expect(judge(chainOf(ours), { now: now + 25 * hour, isKnown: () => false })).toBe('UNKNOWN_IDENTITY');
    expect(judge(chainOf(ours), { now: now + 24 * hour + defaultGrace })).toMatchObject({ accepted: machine });
    expect(judge(chainOf(ours), { now: now + 24 * hour + defaultGrace + 1 })).toBe('EXPIRED');
  });

  it('is not granted after the end when there is no grace', () => {
    expect(judge(chainOf(ours), { now: now + 24 * hour + 1, grace: 0 })).toBe('EXPIRED');
    expect(judge(chainOf(ours), { now: now + 23 * hour, grace: 0 })).toMatchObject({ accepted: machine });
  });

  it('is refused to a rogue authority with the right names, valid or expired', () => {
    expect(judge(chainOf(rogue))).toBe('CHAIN_NOT_GENUINE');
    expect(judge(chainOf(rogue), { now: now + 25 * hour })).toBe('CHAIN_NOT_GENUINE');
    expect(judge([...chainOf(rogue), rogue.root.certificate])).toBe('CHAIN_NOT_GENUINE');
  });

  it('is refused to a rogue leaf before a genuine issuing CA', () => {
    const [leaf = Buffer.alloc(0)] = chainOf(rogue);
    expect(judge([leaf, ours.issuing.certificate])).toBe('CHAIN_NOT_GENUINE');
    expect(judge([leaf, ours.issuing.certificate, ours.root.certificate])).toBe('CHAIN_NOT_GENUINE');
  });

  it('is refused to a leaf that a leaf signed', async () => {
    const [leaf = Buffer.alloc(0), issuing = Buffer.alloc(0)] = chainOf(ours);
    const child = signCertificate(
      {
        publicKey: (await makeKeyPair()).publicKey,
        subject: [],
        uri: 'fairlead://lab/operator/root',
        notBefore: now,
        notAfter: now + hour,
        role: { ca: false, usages: ['clientAuth'] },
      },
      { ...keys, certificate: leaf },
    );
    expect(judge([child, leaf, issuing])).toMatch(/CHAIN_NOT_(?:GENUINE|ALLOWED)/);
  });

  it('is refused below a CA that the issuing CA had no right to make', async () => {
    const below = await makeKeyPair();
    const [ca = Buffer.alloc(0), issuing = Buffer.alloc(0)] = odd({
      publicKey: below.publicKey,
      subject: [{ oid: '2.5.4.3', text: 'below' }],
      role: { ca: true, pathLength: 0 },
    });
    const forged = { ...ours, issuing: { ...below, certificate: ca } };
    expect(judge([...chainOf(forged), issuing])).toBe('CHAIN_NOT_ALLOWED');
  });

  it.each([
    ['a CA', { role: { ca: true, pathLength: 0 }, subject: [{ oid: '2.5.4.3', text: 'x' }] }, 'CHAIN_NOT_ALLOWED'],
    ['the use of another kind', { role: { ca: false, usages: ['clientAuth'] } }, 'USAGE_WRONG'],
    ['another site', { uri: 'fairlead://other/lbagent/lb-1' }, 'IDENTITY_INVALID'],
    ['the cloudagent', { uri: 'fairlead://lab/cloudagent' }, 'IDENTITY_INVALID'],
    ['a foreign name', { uri: 'spiffe://lab/lbagent/lb-1' }, 'IDENTITY_INVALID'],
    ['a certificate of tomorrow', { notBefore: now + 24 * hour }, 'NOT_YET_VALID'],
  ] as const)('is refused to %s', (_what, changes, reason) => {
    expect(judge(odd(changes))).toBe(reason);
  });

  it('is refused to the revoked, by serial or by name', () => {
    const chain = chainOf(ours);
    const serial = readChain(chain, roots)?.certificates[0]?.serial ?? '';
    expect(judge(chain, { revokedSerials: new Set([serial]) })).toBe('REVOKED');
    expect(judge(chain, { revokedIdentities: new Set([formatIdentity(machine)]) })).toBe('REVOKED');
  });

  it('is refused to what is no chain', () => {
    const [leaf = Buffer.alloc(0), issuing = Buffer.alloc(0)] = chainOf(ours);
    expect(judge([])).toBe('CHAIN_INCOMPLETE');
    expect(judge([leaf])).toBe('CHAIN_INCOMPLETE');
    expect(judge([issuing])).toBe('CHAIN_INCOMPLETE');
    expect(judge([issuing, leaf])).toBe('CHAIN_NOT_GENUINE');
    expect(judge([leaf, issuing, issuing, issuing, issuing])).toBe('unreadable');
    expect(judge([Buffer.from('hello'), issuing])).toBe('unreadable');
    expect(judge([Buffer.alloc(9000), issuing])).toBe('unreadable');
  });

  it('is refused whichever byte of the leaf was changed', () => {
    const [leaf = Buffer.alloc(0), issuing = Buffer.alloc(0)] = chainOf(ours);
    for (let index = 0; index < leaf.length; index += 5) {
      const changed = Buffer.from(leaf);
      changed[index] = (changed[index] ?? 0) ^ 0x01;
      expect(['unreadable', 'CHAIN_NOT_GENUINE']).toContain(judge([changed, issuing]));
    }
  });
});
