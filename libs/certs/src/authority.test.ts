import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueLeaf, withFreshIssuing, type AuthorityState } from './authority.ts';
import { openAuthority, rootFingerprint } from './authority-directory.ts';
import { readCertificate } from './certificate-facts.ts';
import { formatIdentity, type Identity } from './identity.ts';
import { acceptedPublicKey, makeKeyPair, publicKeyToDer } from './keys.ts';
import { withDirectory } from './testing.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const day = 24 * 3_600_000;
const machine: Identity = { kind: 'lbagent', site: 'lab', name: 'lb-1' };

describe('an authority', () => {
  it('has a root of ten years over an issuing CA of one year, with path lengths 1 and 0', async () => {
    const { root, issuing } = await createAuthority('lab', now);
    expect(readCertificate(root.certificate)).toMatchObject({
      ca: true,
      pathLength: 1,
      uris: ['fairlead://lab'],
      notBefore: now - 60_000,
      notAfter: now + 3650 * day,
      signsCertificates: true,
      signsHandshakes: false,
    });
    expect(readCertificate(issuing.certificate)).toMatchObject({ ca: true, pathLength: 0, notAfter: now + 365 * day });
  });

  it.each([
    ['cloudagent', { kind: 'cloudagent', site: 'lab' }, ['serverAuth', 'clientAuth']],
    ['controller', { kind: 'controller', site: 'lab', name: 'prod' }, ['clientAuth']],
    ['lbagent', machine, ['serverAuth', 'clientAuth']],
    ['operator', { kind: 'operator', site: 'lab', name: 'ann' }, ['clientAuth']],
  ] as const)('gives a %s its URI as the only name and the usages of its kind', async (_kind, identity, usages) => {
    const authority = await createAuthority('lab', now);
    const { publicKey } = await makeKeyPair();
    const { chain, serial } = issueLeaf(authority, { identity, publicKey, lifetime: day, now });
    expect(readCertificate(chain[0] ?? Buffer.alloc(0))).toEqual({
      serial,
      notBefore: now - 60_000,
      notAfter: now + day,
      ca: false,
      uris: [formatIdentity(identity)],
      otherNames: 0,
      signsCertificates: false,
      signsHandshakes: true,
      usages,
      unknownCritical: [],
    });
    expect(new X509Certificate(chain[0] ?? '').subject).toBe(undefined);
  });

  it('never gives a serial twice', async () => {
    const authority = await createAuthority('lab', now);
    const { publicKey } = await makeKeyPair();
    const serials = Array.from(
      { length: 100 },
      () => issueLeaf(authority, { identity: machine, publicKey, lifetime: day, now }).serial,
    );
    expect(new Set(serials).size).toBe(100);
    for (const serial of serials) expect(serial).toMatch(/^[0-7][0-9a-f]{31}$/);
  });

  it('issues nothing that outlives its issuing CA', async () => {
    const authority = await createAuthority('lab', now);
    const { publicKey } = await makeKeyPair();
    const leaf = issueLeaf(authority, { identity: machine, publicKey, lifetime: 30 * day, now: now + 350 * day });
    expect(leaf.notAfter).toBe(now + 365 * day);
    const late = { identity: machine, publicKey, lifetime: day, now: now + 366 * day };
    expect(() => issueLeaf(authority, late)).toThrow(/issuing CA has expired/);
  });

  it('issues nothing for another site', async () => {
    const authority = await createAuthority('lab', now);
    const { publicKey } = await makeKeyPair();
    const identity: Identity = { kind: 'cloudagent', site: 'other' };
    expect(() => issueLeaf(authority, { identity, publicKey, lifetime: day, now })).toThrow(/site "lab"/);
  });

  it('has its next issuing CA from half life on, under the same root', async () => {
    const authority = await createAuthority('lab', now);
    expect(await withFreshIssuing(authority, now + 182 * day)).toBe(authority);
    const next = await withFreshIssuing(authority, now + 183 * day);
    expect(next.root).toBe(authority.root);
    expect(new X509Certificate(next.issuing.certificate).verify(authority.root.publicKey)).toBe(true);
  });

  it('certifies P-256 and RSA from 2048 bits, and no other key', async () => {
    for (const type of ['P-256', 'RSA-2048'] as const) {
      expect(acceptedPublicKey(publicKeyToDer((await makeKeyPair(type)).publicKey))).toBeDefined();
    }
    const weak = [
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
      generateKeyPairSync('ed25519').publicKey,
    ];
    for (const key of weak) expect(acceptedPublicKey(publicKeyToDer(key))).toBeUndefined();
    const good = publicKeyToDer((await makeKeyPair()).publicKey);
    expect(acceptedPublicKey(Buffer.concat([good, Buffer.of(0)]))).toBeUndefined();
    expect(acceptedPublicKey(Buffer.of())).toBeUndefined();
  });
});

const open = (directory: string, at = now, knownRoot?: string): Promise<AuthorityState> =>
  openAuthority(directory, { site: 'lab', now: at, knownRoot });

describe('the identity directory', () => {
  it('is made at the first start and gives the same authority at the next', async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, 'identity');
      const first = await open(path);
      const second = await open(path, now + day);
      expect(second.root.certificate).toEqual(first.root.certificate);
      expect(second.issuing.certificate).toEqual(first.issuing.certificate);
      expect(statSync(path).mode & 0o777).toBe(0o700);
      for (const name of ['root.key', 'issuing.key']) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    });
  });

  it('keeps the next issuing CA', async () => {
    await withDirectory(async (directory) => {
      const first = await open(directory);
      const renewed = await open(directory, now + 200 * day);
      expect(renewed.issuing.certificate).not.toEqual(first.issuing.certificate);
      expect((await open(directory, now + 201 * day)).issuing.certificate).toEqual(renewed.issuing.certificate);
    });
  });

  it('of another site is refused and left alone', async () => {
    await withDirectory(async (directory) => {
      await open(directory);
      const before = readFileSync(join(directory, 'root.crt'));
      await expect(openAuthority(directory, { site: 'other', now })).rejects.toThrow(/site "lab", not of "other"/);
      expect(readFileSync(join(directory, 'root.crt'))).toEqual(before);
    });
  });

  it('with a key that is not that of its certificate is refused', async () => {
    await withDirectory(async (directory) => {
      await open(directory);
      chmodSync(join(directory, 'issuing.key'), 0o600);
      writeFileSync(join(directory, 'issuing.key'), readFileSync(join(directory, 'root.key')));
      await expect(open(directory)).rejects.toThrow(/issuing\.key is not the key of issuing\.crt: restore/);
    });
  });

  it.each(['site.json', 'root.crt', 'root.key', 'issuing.crt', 'issuing.key'])(
    'that has lost %s is no reason for a second authority, and one with it cut off is named as damaged',
    async (name) => {
      await withDirectory(async (directory) => {
        const first = await open(directory);
        const content = readFileSync(join(directory, name));
        writeFileSync(join(directory, name), content.subarray(0, 12));
        await expect(open(directory)).rejects.toThrow(`${directory}/${name} is damaged: restore all of it`);
        rmSync(join(directory, 'current', name));
        await expect(open(directory)).rejects.toThrow(
          new RegExp(`has lost ${name}, .*restore all of it from a backup`),
        );
        writeFileSync(join(directory, 'current', name), content);
        expect((await open(directory)).root.certificate).toEqual(first.root.certificate);
      });
    },
  );

  it('that is empty, or of another authority, although the site has one is refused', async () => {
    await withDirectory(async (directory) => {
      const known = rootFingerprint(await open(join(directory, 'first')));
      await expect(open(join(directory, 'empty'), now, known)).rejects.toThrow(
        /has lost .*correct where the identity is kept/,
      );
      await open(join(directory, 'second'));
      await expect(open(join(directory, 'second'), now, known)).rejects.toThrow(/holds another authority/);
      await expect(open(join(directory, 'first'), now, known)).resolves.toBeDefined();
    });
  });

  it('made by a clock that was ahead is of use again once the root has begun; before, the clock is blamed', async () => {
    await withDirectory(async (directory) => {
      await open(directory);
      const ahead = await open(directory, now + 300 * day);
      const back = await open(directory, now + day);
      expect(new X509Certificate(back.issuing.certificate).validFromDate.getTime()).toBeLessThan(now + day);
      expect(back.issuing.certificate).not.toEqual(ahead.issuing.certificate);
      await expect(open(directory, now - 365 * day)).rejects.toThrow(/the clock says .*: set the clock/);
      await expect(open(directory, now + 11 * 365 * day)).rejects.toThrow(/the clock says .*: set the clock/);
    });
  });
});
