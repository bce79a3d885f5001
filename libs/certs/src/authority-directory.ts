import { X509Certificate } from 'node:crypto';
import { createAuthority, withFreshIssuing, type AuthorityState, type CertifiedKey } from './authority.ts';
import { readWhole, writeWhole } from './atomic-directory.ts';
import { keyPairOfPem, privateKeyToPem } from './keys.ts';
import { certificatesOfPem, certificatesToPem } from './pem.ts';

const names = ['site.json', 'root.crt', 'root.key', 'issuing.crt', 'issuing.key'] as const;

/**
 * The site's authority from its directory; made there at the first start, its issuing CA renewed at half life.
 * The directory is 0700, keys are 0600, written whole or not at all. Throws when the directory is of another site
 * or its parts do not belong together.
 */
export async function openAuthority(directory: string, site: string, now: number): Promise<AuthorityState> {
  const held = await readWhole(directory, names);
  if (held === undefined) {
    const made = await createAuthority(site, now);
    await writeWhole(directory, filesOf(made));
    return made;
  }
  const state = parse(held, directory);
  if (state.site !== site) {
    throw new Error(
      `${directory} holds the identity of site "${state.site}", not of "${site}": correct --site-name or --identity-dir`,
    );
  }
  const fresh = await withFreshIssuing(state, now);
  if (fresh !== state) await writeWhole(directory, filesOf(fresh));
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

function parse(held: Record<(typeof names)[number], Buffer>, directory: string): AuthorityState {
  const { site } = JSON.parse(held['site.json'].toString()) as { site: string };
  const root = certifiedKey(held['root.crt'], held['root.key'], directory);
  const issuing = certifiedKey(held['issuing.crt'], held['issuing.key'], directory);
  const [rootCertificate, issuingCertificate] = [root, issuing].map((one) => new X509Certificate(one.certificate));
  if (issuingCertificate?.verify(root.publicKey) !== true || rootCertificate?.verify(root.publicKey) !== true) {
    throw new Error(`the certificates in ${directory} do not belong together: restore the directory from a backup`);
  }
  return { site, root, issuing };
}

function certifiedKey(certificatePem: Buffer, keyPem: Buffer, directory: string): CertifiedKey {
  const keys = keyPairOfPem(keyPem);
  const certificate = certificatesOfPem(certificatePem.toString())[0];
  if (certificate === undefined || !new X509Certificate(certificate).checkPrivateKey(keys.privateKey)) {
    throw new Error(`a key in ${directory} is not that of its certificate: restore the directory from a backup`);
  }
  return { ...keys, certificate };
}
