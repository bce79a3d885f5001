import {
  channelCredentials,
  decodeJoinToken,
  encodeJoinToken,
  factsOfMaterial,
  makeKeyPair,
  materialSource,
  newTokenSecret,
  publicKeyToDer,
  readEnrolment,
} from '@fairlead/certs';
import { CertificatesService, createClient, enrol, enroller, openChannel } from '@fairlead/rpc';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrolled, enrolment, reasonOf } from './testing/requests.ts';
import { contentOf, openTestSite, type TestSite } from './testing/site.ts';

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

  it('is answered once more for the same key when the answer was lost, for ten minutes, and for no other key', async () => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    const again = enroller(token, join(site.directory, 'pki'));
    const [first, second] = [await again(), await again()];
    expect(first).toMatchObject({ enrolment: { identity: { name: 'lb-1' } } });
    expect(second).toMatchObject({ enrolment: { identity: { name: 'lb-1' } } });
    expect(reasonOf(await enrolment(site, token))).toBe('TOKEN_USED');
    site.clock.later = 10 * 60_000 + 1;
    expect(await again()).toEqual({ refused: expect.stringContaining('used already') as unknown });
  });

  it('leaves the token good when what it brings cannot be kept', async () => {
    const site = await lab();
    const token = await site.token('lbagent', 'lb-1');
    writeFileSync(join(site.directory, 'file'), '');
    await expect(enrol(token, join(site.directory, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await enrolment(site, token)).toBe('issued');
  });

  it('is won by exactly one of 64 who use a token at the same time', async () => {
    // So slow that all 64 find the token unused before the first of them has used it.
    const site = await lab({ readLatency: 300 });
    const token = await site.token('lbagent', 'lb-1');
    // One connection for all: 64 handshakes would spread the calls over seconds.
    const client = site.joinClient();
    const results = await Promise.all(
      Array.from({ length: 64 }, async () => reasonOf(await enrolment(site, token, {}, client))),
    );
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
