import { X509Certificate } from 'node:crypto';
import { createAuthority, withFreshIssuing, type AuthorityState, type CertifiedKey } from './authority.ts';
import { keyPairOfPem, privateKeyToPem } from './keys.ts';
import { certificatesOfPem, certificatesToPem } from './pem.ts';
import { filesAt, type Place } from './whole-files.ts';

const names = ['site.json', 'root.crt', 'root.key', 'issuing.crt', 'issuing.key'] as const;

/**
 * The site's authority from its place; made there at the first start, its issuing CA renewed at half life. When it is
 * gone from there and `known` is the one that was there before, that one is put back.
 * A directory is 0700, keys are 0600, written whole or not at all. Throws when what is there is of another site
 * or its parts do not belong together.
 */
export async function openAuthority(
  place: Place,
  site: string,
  now: number,
  known?: AuthorityState,
): Promise<AuthorityState> {
  const files = filesAt(place);
  const held = await files.read(names);
  if (held === undefined) {
    // Half of an authority is one that was damaged: a new one would make the site a stranger to its machines.
    if ((await files.version()) !== undefined) {
      throw new Error(`${files.where} lacks one of ${names.join(', ')}: restore all of it from a backup`);
    }
    const made = known ?? (await createAuthority(site, now));
    await files.write(filesOf(made));
    return made;
  }
  const state = parse(held, files.where);
  if (state.site !== site) {
    throw new Error(
      `${files.where} holds the identity of site "${state.site}", not of "${site}": correct --site-name, or where its identity is kept`,
    );
  }
  const fresh = await withFreshIssuing(state, now);
  if (fresh !== state) await files.write(filesOf(fresh));
  return fresh;
}

function filesOf(state: AuthorityState): { name: string; content: string; secret: boolean }[] {
  return [
    { name: 'site.json', content: `${JSON.stringify({ site: state.site })}\n`, secret: false },
    { name: 'root.crt', content: certificatesToPem([state.root.certificate]), secret: false },
    { name: 'root.key', content: privateKeyToPem(state.root.privateKey), secret: true },
    { name: 'issuing.crt', content: certificatesToPem([state.issuing.certificate]), secret: false },
    { name: 'issuing.key', content: privateKeyToPem(state.issuing.privateKey), secret: true },
  ];
}

function parse(held: Record<(typeof names)[number], Buffer>, where: string): AuthorityState {
  const { site } = JSON.parse(held['site.json'].toString()) as { site: string };
  const root = certifiedKey(held['root.crt'], held['root.key'], where);
  const issuing = certifiedKey(held['issuing.crt'], held['issuing.key'], where);
  const [rootCertificate, issuingCertificate] = [root, issuing].map((one) => new X509Certificate(one.certificate));
  if (issuingCertificate?.verify(root.publicKey) !== true || rootCertificate?.verify(root.publicKey) !== true) {
    throw new Error(`the certificates in ${where} do not belong together: restore all of it from a backup`);
  }
  return { site, root, issuing };
}

function certifiedKey(certificatePem: Buffer, keyPem: Buffer, where: string): CertifiedKey {
  const keys = keyPairOfPem(keyPem);
  const certificate = certificatesOfPem(certificatePem.toString())[0];
  if (certificate === undefined || !new X509Certificate(certificate).checkPrivateKey(keys.privateKey)) {
    throw new Error(`a key in ${where} is not that of its certificate: restore all of it from a backup`);
  }
  return { ...keys, certificate };
}
