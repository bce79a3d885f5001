import {
  certificatesOfPem,
  channelCredentials,
  createAuthority,
  decodeJoinToken,
  encodeJoinToken,
  factsOfMaterial,
  issueLeaf,
  keyPairOfPem,
  makeKeyPair,
  materialSource,
  newTokenSecret,
  publicKeyToDer,
  readEnrolment,
  signProof,
  type Enrolment,
  type KeyPair,
} from '@fairlead/certs';
import { CertificatesService, createClient, enrol, openChannel, renew, RpcFailure } from '@fairlead/rpc';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nonceBook } from './nonces.ts';
import { contentOf, openTestSite, type TestSite } from './test/site.ts';

const day = 24 * 3_600_000;
const sites: TestSite[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

async function lab(settings: Parameters<typeof openTestSite>[0] = {}): Promise<TestSite> {
  const site = await openTestSite(settings);
  sites.push(site);
  return site;
}

async function enrolled(site: TestSite, kind: 'lbagent' | 'controller' | 'operator', name: string): Promise<Enrolment> {
  const token = await site.token(kind, name, kind === 'operator' ? 'admin' : undefined);
  const result = await enrol(token, join(site.directory, `pki-${name}`));
  if ('refused' in result) throw new Error(result.refused);
  return result.enrolment;
}

/** An enrolment request as a client of ours would make it, with whatever is to be wrong about it. */
async function enrolment(site: TestSite, token: string, changes: object = {}): Promise<RpcFailure | 'issued'> {
  const client = site.joinClient();
  const keys = await makeKeyPair();
  const { nonce } = await client.challenge({});
  const publicKey = publicKeyToDer(keys.publicKey);
  const signature = signProof('enrol', keys.privateKey, nonce, publicKey);
  return await outcome(client.enrol({ token, nonce, publicKey, signature, ...changes }));
}

async function renewal(
  site: TestSite,
  old: { chain: Uint8Array[]; keys: KeyPair },
  changes: object = {},
): Promise<RpcFailure | 'issued'> {
  const client = site.joinClient();
  const keys = await makeKeyPair();
  const { nonce } = await client.challenge({});
  const publicKey = publicKeyToDer(keys.publicKey);
  const newKeySignature = signProof('renew', keys.privateKey, nonce, publicKey);
  const oldKeySignature = signProof('renew', old.keys.privateKey, nonce, publicKey);
  return await outcome(
    client.renew({ chain: old.chain, nonce, publicKey, newKeySignature, oldKeySignature, ...changes }),
  );
}

async function outcome(call: Promise<unknown>): Promise<RpcFailure | 'issued'> {
  try {
    await call;
    return 'issued';
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
}

function reasonOf(result: RpcFailure | 'issued'): string {
  return result === 'issued' ? result : result.detail.reason;
}

const heldBy = ({ material }: Enrolment): { chain: Uint8Array[]; keys: KeyPair } => ({
  chain: certificatesOfPem(material.certificateChain),
  keys: keyPairOfPem(material.privateKey),
});

describe('enrolling', () => {
  it('gives a machine its certificate, kept in its directory, for the name in the token', async () => {
    const site = await lab();
    const { identity, material, control } = await enrolled(site, 'lbagent', 'lb-1');
    expect(identity).toEqual({ kind: 'lbagent', site: 'lab', name: 'lb-1' });
    expect(control).toBe(site.addresses.control);
    const facts = factsOfMaterial(material);
    expect(Math.round((facts.notAfter - Date.now()) / day)).toBe(30);
    expect(await readEnrolment(join(site.directory, 'pki-lb-1'))).toMatchObject({ identity, material });
    expect(site.lines).toContainEqual(
      expect.objectContaining({
        audit: 'certificate-issued',
        action: 'enrol',
        identity: 'fairlead://lab/lbagent/lb-1',
        serial: facts.serial,
      }),
    );
  });

  it('lets an operator in with the role of the token', async () => {
    const site = await lab();
    const { material } = await enrolled(site, 'operator', 'ann');
    const credentials = channelCredentials(materialSource(material), site.identity.identity);
    const client = createClient(CertificatesService, site.opened(openChannel(site.addresses.control, credentials)));
    const { certificates } = await client.listCertificates({});
    expect(certificates.map(({ identity }) => identity)).toEqual([
      'fairlead://lab/cloudagent',
      'fairlead://lab/operator/ann',
    ]);
    const made = await client.createJoinToken({ kind: 'lbagent', name: 'lb-9' });
    expect(decodeJoinToken(made.token)).toMatchObject({ token: { kind: 'lbagent', name: 'lb-9', site: 'lab' } });
  });

  it('keeps no secret anywhere: not in the store, not in the log', async () => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    await enrol(token, join(site.directory, 'pki'));
    const stored = JSON.stringify([await site.store.list(''), site.lines]);
    expect(stored).not.toContain(contentOf(token).secret);
    expect(stored).not.toContain('PRIVATE KEY');
  });

  it('works once per token', async () => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    expect(await enrolment(site, token)).toBe('issued');
    expect(await enrol(token, join(site.directory, 'pki'))).toEqual({
      refused: expect.stringContaining('used already') as unknown,
    });
    expect(site.refusals()).toEqual(['TOKEN_USED']);
    expect(await readEnrolment(join(site.directory, 'pki'))).toBeUndefined();
  });

  it('is won by exactly one of 64 who use a token at the same time', async () => {
    // So slow that all 64 find the token unused before the first of them has used it.
    const site = await lab({ readLatency: 300 });
    const token = await site.token('lbagent', 'lb-1');
    const results = await Promise.all(Array.from({ length: 64 }, async () => reasonOf(await enrolment(site, token))));
    expect(results.filter((result) => result === 'issued')).toHaveLength(1);
    expect(results.filter((result) => result === 'TOKEN_USED')).toHaveLength(63);
    expect((await site.store.list('certificate/')).length).toBe(1);
  });

  it('is refused when the token has expired, and says when', async () => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    site.clock.later = day - 1000;
    expect(await enrolment(site, await site.token('lbagent', 'lb-2'))).toBe('issued');
    site.clock.later = day + 1000;
    const refused = await enrolment(site, token);
    expect(refused).toMatchObject({ status: 'PERMISSION_DENIED', detail: { reason: 'TOKEN_EXPIRED' } });
  });

  it('is refused for another name or kind than the token was made for', async () => {
    const site = await lab();
    const token = contentOf(await site.token('lbagent', 'lb-1'));
    const forged = [
      { ...token, name: 'lb-2' },
      { ...token, kind: 'operator' as const },
    ];
    for (const one of forged) {
      expect(reasonOf(await enrolment(site, encodeJoinToken(one)))).toBe('TOKEN_FOR_ANOTHER_NAME');
    }
    expect(site.lines).toContainEqual(
      expect.objectContaining({
        audit: 'certificate-refused',
        reason: 'TOKEN_FOR_ANOTHER_NAME',
        claimed: expect.stringContaining('lbagent/lb-2') as unknown,
      }),
    );
  });

  it('is refused with a token of another site, or one nobody made', async () => {
    const site = await lab();
    const other = await lab({ site: 'other' });
    expect(reasonOf(await enrolment(site, await other.token('lbagent', 'lb-1')))).toBe('TOKEN_OF_ANOTHER_SITE');
    const token = contentOf(await site.token('lbagent', 'lb-1'));
    const guessed = encodeJoinToken({ ...token, secret: newTokenSecret().secret });
    expect(reasonOf(await enrolment(site, guessed))).toBe('TOKEN_UNKNOWN');
    const unheard = encodeJoinToken({ ...token, ...newTokenSecret() });
    expect(reasonOf(await enrolment(site, unheard))).toBe('TOKEN_UNKNOWN');
    expect(reasonOf(await enrolment(site, 'fairlead1.hello'))).toBe('TOKEN_MALFORMED');
  });

  it('does not speak to a server that the root of the token did not certify', async () => {
    const [site, impostor] = [await lab(), await lab()];
    const token = encodeJoinToken({ ...contentOf(await site.token('lbagent', 'lb-1')), join: impostor.addresses.join });
    await expect(enrol(token, join(site.directory, 'pki'))).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    expect(impostor.lines.filter(({ audit }) => audit !== undefined)).toEqual([]);
  });

  it.each([
    ['a nonce that was never given', { nonce: Buffer.alloc(32) }, 'NONCE_INVALID'],
    ['a signature over something else', { signature: Buffer.alloc(70) }, 'SIGNATURE_WRONG'],
    ['no signature', { signature: Buffer.alloc(0) }, 'SIGNATURE_WRONG'],
    ['what is no key', { publicKey: Buffer.from('hello') }, 'KEY_NOT_ACCEPTED'],
  ])('is refused with %s, and the token stays good', async (_what, changes, reason) => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    expect(reasonOf(await enrolment(site, token, changes))).toBe(reason);
    expect(site.refusals()).toEqual([reason]);
    expect(await enrolment(site, token)).toBe('issued');
  });

  it('is refused with the key of somebody else', async () => {
    const site = await lab();
    const others = publicKeyToDer((await makeKeyPair()).publicKey);
    expect(reasonOf(await enrolment(site, await site.token('lbagent', 'lb-1'), { publicKey: others }))).toBe(
      'SIGNATURE_WRONG',
    );
  });
});

describe('renewing', () => {
  it('gives the next certificate, with another key and serial, for the same name', async () => {
    const site = await lab();
    const first = await enrolled(site, 'controller', 'prod');
    const result = await renew(first);
    if ('refused' in result) throw new Error(result.refused);
    const [before, after] = [first, result.enrolment].map(({ material }) => factsOfMaterial(material));
    expect(after?.identity).toEqual(before?.identity);
    expect(after?.serial).not.toBe(before?.serial);
    expect(result.enrolment.material.privateKey).not.toBe(first.material.privateKey);
  });

  it('works long after the end, within the grace, and not beyond it', async () => {
    const site = await lab();
    const machine = heldBy(await enrolled(site, 'lbagent', 'lb-1'));
    site.clock.later = 31 * day;
    expect(await renewal(site, machine)).toBe('issued');
    site.clock.later = 119 * day;
    expect(await renewal(site, machine)).toBe('issued');
    site.clock.later = 121 * day;
    expect(reasonOf(await renewal(site, machine))).toBe('EXPIRED');
  });

  it('works past the end when the store was lost, if a resource declares the machine', async () => {
    const site = await lab({ isDeclared: ({ name }) => name === 'lb-1' });
    const [one, other] = [await enrolled(site, 'lbagent', 'lb-1'), await enrolled(site, 'lbagent', 'lb-2')];
    const lost = await site.store.list('');
    await site.store.commit({ remove: lost.map(({ key }) => key) });
    expect(await renewal(site, heldBy(other))).toBe('issued');
    await site.store.commit({ remove: (await site.store.list('')).map(({ key }) => key) });
    site.clock.later = 31 * day;
    expect(await renewal(site, heldBy(one))).toBe('issued');
    expect(reasonOf(await renewal(site, heldBy(other)))).toBe('UNKNOWN_IDENTITY');
  });

  it('is refused to an expired certificate of a rogue authority with the right name', async () => {
    const site = await lab();
    await enrolled(site, 'lbagent', 'lb-1');
    const rogue = await createAuthority('lab', Date.now());
    const keys = await makeKeyPair();
    const identity = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;
    for (const lifetime of [-1000, day]) {
      const { chain } = issueLeaf(rogue, { identity, publicKey: keys.publicKey, lifetime, now: Date.now() });
      for (const sent of [[...chain], [...chain, Buffer.from(rogue.root.certificate)]]) {
        expect(reasonOf(await renewal(site, { chain: sent, keys }))).toBe('CHAIN_NOT_GENUINE');
      }
    }
    expect(site.lines).toContainEqual(
      expect.objectContaining({
        audit: 'certificate-refused',
        action: 'renew',
        claimed: 'fairlead://lab/lbagent/lb-1',
        reason: 'CHAIN_NOT_GENUINE',
      }),
    );
  });

  it('is refused to whoever holds the certificate but not its key', async () => {
    const site = await lab();
    const { chain } = heldBy(await enrolled(site, 'lbagent', 'lb-1'));
    expect(reasonOf(await renewal(site, { chain, keys: await makeKeyPair() }))).toBe('SIGNATURE_WRONG');
  });

  it('is refused for the old key once more', async () => {
    const site = await lab();
    const { chain, keys } = heldBy(await enrolled(site, 'lbagent', 'lb-1'));
    const client = site.joinClient();
    const { nonce } = await client.challenge({});
    const publicKey = publicKeyToDer(keys.publicKey);
    const signature = signProof('renew', keys.privateKey, nonce, publicKey);
    const changes = { nonce, publicKey, newKeySignature: signature, oldKeySignature: signature };
    expect(reasonOf(await renewal(site, { chain, keys }, changes))).toBe('KEY_REUSED');
  });

  it('is refused when a whole request is sent again', async () => {
    const site = await lab();
    const { chain, keys: old } = heldBy(await enrolled(site, 'lbagent', 'lb-1'));
    const client = site.joinClient();
    const keys = await makeKeyPair();
    const { nonce } = await client.challenge({});
    const publicKey = publicKeyToDer(keys.publicKey);
    const newKeySignature = signProof('renew', keys.privateKey, nonce, publicKey);
    const oldKeySignature = signProof('renew', old.privateKey, nonce, publicKey);
    const request = { chain, nonce, publicKey, newKeySignature, oldKeySignature };
    expect(await outcome(client.renew(request))).toBe('issued');
    expect(await outcome(client.renew(request))).toMatchObject({
      status: 'ABORTED',
      detail: { reason: 'NONCE_INVALID' },
    });
  });

  it('is refused with signatures made for enrolling', async () => {
    const site = await lab();
    const { chain, keys: old } = heldBy(await enrolled(site, 'lbagent', 'lb-1'));
    const client = site.joinClient();
    const keys = await makeKeyPair();
    const { nonce } = await client.challenge({});
    const publicKey = publicKeyToDer(keys.publicKey);
    const newKeySignature = signProof('enrol', keys.privateKey, nonce, publicKey);
    const oldKeySignature = signProof('enrol', old.privateKey, nonce, publicKey);
    const request = { chain, nonce, publicKey, newKeySignature, oldKeySignature };
    expect(reasonOf(await outcome(client.renew(request)))).toBe('SIGNATURE_WRONG');
  });
});

describe('a site', () => {
  it('knows its members again after a restart, with another own certificate', async () => {
    const first = await openTestSite();
    const enrolment = await enrolled(first, 'operator', 'ann');
    const keep = { directory: first.directory };
    const { serial } = factsOfMaterial(first.identity.source.current());
    await first.identity.stop();
    await first.store.close();
    const second = await lab({ keep });
    expect(factsOfMaterial(second.identity.source.current()).serial).not.toBe(serial);
    const moved = { ...enrolment, join: second.addresses.join };
    expect(await renew(moved)).toHaveProperty('enrolment');
    expect(second.identity.authorise(enrolment.identity, CertificatesService.createJoinToken.path)).toBeUndefined();
    sites.push({ ...first, close: async () => {} });
  });

  it.each([
    ['kind', { kind: 'cloudagent', name: 'x' }],
    ['name', { kind: 'lbagent', name: 'a/b' }],
    ['role', { kind: 'operator', name: 'ann' }],
    ['role', { kind: 'lbagent', name: 'lb-1', role: 'admin' }],
    ['lifetime_seconds', { kind: 'lbagent', name: 'lb-1', lifetimeSeconds: 4_000_000_000 }],
  ])('makes no token with a wrong %s', async (field, request) => {
    const site = await lab();
    const { material } = await enrolled(site, 'operator', 'ann');
    const credentials = channelCredentials(materialSource(material), site.identity.identity);
    const client = createClient(CertificatesService, site.opened(openChannel(site.addresses.control, credentials)));
    await expect(client.createJoinToken(request)).rejects.toMatchObject({
      status: 'INVALID_ARGUMENT',
      detail: { field },
    });
  });

  it('denies a machine what is not for machines, and logs who asked', async () => {
    const site = await lab();
    const { material } = await enrolled(site, 'lbagent', 'lb-1');
    const credentials = channelCredentials(materialSource(material), site.identity.identity);
    const client = createClient(CertificatesService, site.opened(openChannel(site.addresses.control, credentials)));
    await expect(client.createJoinToken({ kind: 'operator', name: 'me', role: 'admin' })).rejects.toMatchObject({
      status: 'PERMISSION_DENIED',
    });
    expect(site.lines).toContainEqual(
      expect.objectContaining({ caller: 'fairlead://lab/lbagent/lb-1', msg: 'a call was refused' }),
    );
  });
});

describe('nonces', () => {
  it('are good once and for a minute', () => {
    const nonces = nonceBook();
    const [one, other] = [nonces.issue(0), nonces.issue(0)];
    expect(nonces.take(one, 60_000)).toBe(true);
    expect(nonces.take(one, 60_000)).toBe(false);
    expect(nonces.take(other, 60_001)).toBe(false);
    expect(nonces.take(Buffer.alloc(0), 0)).toBe(false);
  });

  it('are bounded in number, and the newest stay good', () => {
    const nonces = nonceBook(10);
    const given = Array.from({ length: 25 }, () => nonces.issue(0));
    expect(given.map((nonce) => nonces.take(nonce, 0))).toEqual([
      ...Array<boolean>(15).fill(false),
      ...Array<boolean>(10).fill(true),
    ]);
  });
});
