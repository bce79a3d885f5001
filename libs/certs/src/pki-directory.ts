import { createPrivateKey, X509Certificate } from 'node:crypto';
import { formatIdentity, parseIdentity, type EnrolledIdentity } from './identity.ts';
import { factsOfMaterial, type Material } from './material.ts';
import { tryMaterial } from './try-material.ts';
import { filesAt, type Place } from './whole-files.ts';

/** What an enrolled machine, controller or operator keeps in its PKI directory, or in a Secret. */
export interface Enrolment {
  readonly identity: EnrolledIdentity;
  readonly material: Material;
  /** HOST:PORT of the cloudagent's join port, for renewals. */
  readonly join: string;
  /** HOST:PORT of the cloudagent's control port. */
  readonly control: string;
}

const names = ['cloudagent.crt', 'cloudagent.key', 'ca.crt', 'identity.json'] as const;

/**
 * The enrolment in a place, or undefined when nobody has enrolled there. Its certificate may be past its end.
 * Throws when one is missing, or they do not belong together (key and certificate, chain and root, name).
 */
export async function readEnrolment(place: Place): Promise<Enrolment | undefined> {
  const { where, ...files } = filesAt(place);
  const held = await files.read(names);
  if (held === undefined) {
    const found = await Promise.all(names.map((name) => files.read([name])));
    const missing = names.filter((_, index) => found[index] === undefined);
    if (missing.length === names.length) return undefined;
    throw new Error(`${where} has lost ${missing.join(', ')}: enrol again with a new join token`);
  }
  try {
    return parse(held);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${where} cannot be used, ${reason}: enrol again with a new join token`, { cause: error });
  }
}

/**
 * Keeps an enrolment, whole or not at all, once a trial handshake has shown that its material works. Throws before
 * anything was changed when it does not.
 */
export async function writeEnrolment(place: Place, enrolment: Enrolment): Promise<void> {
  const { identity, material, join, control } = enrolment;
  await tryMaterial(material);
  const described = { site: identity.site, identity: formatIdentity(identity), join, control };
  await filesAt(place).write([
    { name: 'cloudagent.crt', content: material.certificateChain, secret: false },
    { name: 'cloudagent.key', content: material.privateKey, secret: true },
    { name: 'ca.crt', content: material.roots, secret: false },
    { name: 'identity.json', content: `${JSON.stringify(described, undefined, 2)}\n`, secret: false },
  ]);
}

/** Changes whenever the enrolment in the place is replaced; undefined when there is none. */
export async function enrolmentVersion(place: Place): Promise<string | undefined> {
  return await filesAt(place).version();
}

/** When the certificate in a PEM chain ends, milliseconds since 1970. For metrics. */
export function endOfChain(certificateChain: string): number {
  return new X509Certificate(certificateChain).validToDate.getTime();
}

function parse(files: Record<(typeof names)[number], Buffer>): Enrolment {
  const described = readOr('identity.json is damaged', () => JSON.parse(files['identity.json'].toString()) as unknown);
  const { identity: uri, join, control } = described as Record<string, unknown>;
  // What OpenSSL says of a damaged key helps nobody.
  readOr('cloudagent.key is damaged', () => createPrivateKey(files['cloudagent.key']));
  if (typeof uri !== 'string' || typeof join !== 'string' || typeof control !== 'string') {
    throw new TypeError('identity.json is not as it was written');
  }
  const material = {
    privateKey: files['cloudagent.key'].toString(),
    certificateChain: files['cloudagent.crt'].toString(),
    roots: files['ca.crt'].toString(),
  };
  const identity = parseIdentity(uri);
  if (identity === undefined || identity.kind === 'cloudagent')
    throw new Error('identity.json names no identity of ours');
  const named = formatIdentity(factsOfMaterial(material).identity);
  if (named !== uri) throw new Error(`identity.json says ${uri}, the certificate says ${named}`);
  return { identity, material, join, control };
}

function readOr<T>(otherwise: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(otherwise, { cause: error });
  }
}
