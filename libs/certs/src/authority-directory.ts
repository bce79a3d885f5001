import { createHash, X509Certificate } from 'node:crypto';
import { createAuthority, withFreshIssuing, type AuthorityState, type CertifiedKey } from './authority.ts';
import { keyPairOfPem, privateKeyToPem } from './keys.ts';
import { certificatesOfPem, certificatesToPem } from './pem.ts';
import { filesAt, type Place, type WholeFiles } from './whole-files.ts';

const names = ['site.json', 'root.crt', 'root.key', 'issuing.crt', 'issuing.key'] as const;

export interface AuthorityOptions {
  readonly site: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /**
   * SHA-256 of the root that the site is known to have, hexadecimal; undefined: it has none yet, and one is made when the
   * directory is empty.
   */
  readonly knownRoot?: string | undefined;
  /** The authority as it was read before. */
  readonly known?: AuthorityState | undefined;
}

/**
 * The site's authority from its place; made there at the first start, its issuing CA renewed at half life. When it is
 * gone from there and `known` is the one that was there before, that one is put back.
 * A directory is 0700, keys are 0600, written whole or not at all. Throws when what is there is of another site, has lost
 * something, or its parts do not belong together: a second authority would make the site a stranger to its machines.
 */
export async function openAuthority(place: Place, options: AuthorityOptions): Promise<AuthorityState> {
  const { site, now, known, knownRoot } = options;
  const files = filesAt(place);
  const held = await files.read(names);
  if (held === undefined) {
    await mustHaveNone(files, known === undefined ? knownRoot : undefined);
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
  if (knownRoot !== undefined && rootFingerprint(state) !== knownRoot) {
    throw new Error(
      `${files.where} holds another authority than the one this site has: restore it from a backup, or correct where identity and state are kept`,
    );
  }
  const fresh = await withFreshIssuing(state, now);
  if (fresh !== state) await files.write(filesOf(fresh));
  return fresh;
}

/** SHA-256 of the root certificate, hexadecimal: which authority this is. */
export function rootFingerprint({ root }: AuthorityState): string {
  return createHash('sha256').update(root.certificate).digest('hex');
}

/** Throws when there is half of an authority, or should be one. */
async function mustHaveNone(files: WholeFiles, knownRoot: string | undefined): Promise<void> {
  const found = await Promise.all(names.map((name) => files.read([name])));
  const missing = names.filter((_, index) => found[index] === undefined);
  const isWritten = missing.length < names.length || (await files.version()) !== undefined;
  if (!isWritten && knownRoot === undefined) return;
  throw new Error(
    `${files.where} has lost ${missing.join(', ')}, and without it this site is a stranger to all who enrolled: restore all of it from a backup, or correct where the identity is kept`,
  );
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
  const read = <T>(what: string, of: () => T): T => {
    try {
      return of();
    } catch {
      // What OpenSSL says of a damaged key helps nobody.
      throw new Error(`${where}/${what} is damaged: restore all of it from a backup`);
    }
  };
  const certifiedKey = (name: 'root' | 'issuing'): CertifiedKey => {
    const certificate = read(`${name}.crt`, () => {
      const [first = Buffer.alloc(0)] = certificatesOfPem(held[`${name}.crt`].toString());
      return { der: first, parsed: new X509Certificate(first) };
    });
    const keys = read(`${name}.key`, () => keyPairOfPem(held[`${name}.key`]));
    if (!certificate.parsed.checkPrivateKey(keys.privateKey)) {
      throw new Error(`${where}/${name}.key is not the key of ${name}.crt: restore all of it from a backup`);
    }
    return { ...keys, certificate: certificate.der };
  };
  const site = read('site.json', () => {
    const named = (JSON.parse(held['site.json'].toString()) as { site?: unknown }).site;
    if (typeof named !== 'string') throw new TypeError('no site');
    return named;
  });
  const [root, issuing] = [certifiedKey('root'), certifiedKey('issuing')];
  const isSigned = ({ certificate }: CertifiedKey): boolean => new X509Certificate(certificate).verify(root.publicKey);
  if (!isSigned(root) || !isSigned(issuing)) {
    throw new Error(`the certificates in ${where} do not belong together: restore all of it from a backup`);
  }
  return { site, root, issuing };
}
