import { createAuthority, factsOfMaterial, issueLeaf, makeKeyPair, publicKeyToDer, signProof } from '@fairlead/certs';
import { enrol, renew } from '@fairlead/rpc';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrolled, heldBy, outcome, reasonOf, renewal } from './testing/requests.ts';
import { openTestSite, type TestSite } from './testing/site.ts';

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

  it('keeps the type of the key', async () => {
    const site = await lab();
    const first = await enrol(await site.token('lbagent', 'lb-1'), join(site.directory, 'pki'), 'RSA-2048');
    if ('refused' in first) throw new Error(first.refused);
    const next = await renew(first.enrolment);
    if ('refused' in next) throw new Error(next.refused);
    expect(heldBy(next.enrolment).keys.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
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
