import { channelCredentials, factsOfMaterial, materialSource } from '@fairlead/certs';
import { CertificatesService, createClient, openChannel, renew } from '@fairlead/rpc';
import { afterEach, describe, expect, it } from 'vitest';
import { nonceBook } from './nonces.ts';
import { enrolled } from './testing/requests.ts';
import { openTestSite, type TestSite } from './testing/site.ts';

const sites: TestSite[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

async function lab(settings: Parameters<typeof openTestSite>[0] = {}): Promise<TestSite> {
  const site = await openTestSite(settings);
  sites.push(site);
  return site;
}

describe('a site', () => {
  it('knows its members again after a restart, with another own certificate', async () => {
    const first = await openTestSite();
    const enrolment = await enrolled(first, 'operator', 'ann');
    const { serial } = factsOfMaterial(first.identity.source.current());
    await first.halt();
    const second = await lab({ reopen: first.directory });
    expect(factsOfMaterial(second.identity.source.current()).serial).not.toBe(serial);
    const moved = { ...enrolment, join: second.addresses.join };
    expect(await renew(moved)).toHaveProperty('enrolment');
    expect(second.identity.authorise(enrolment.identity, CertificatesService.createJoinToken.path)).toBeUndefined();
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
