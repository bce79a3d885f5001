import {
  anonymousChannelCredentials,
  certificatesToPem,
  decodeJoinToken,
  filesAt,
  factsOfMaterial,
  formatIdentity,
  keyPairOfPem,
  keyTypeOf,
  certificatesOfPem,
  makeKeyPair,
  privateKeyToPem,
  publicKeyToDer,
  sameIdentity,
  signProof,
  tryMaterial,
  writeEnrolment,
  type EnrolledIdentity,
  type Enrolment,
  type KeyPair,
  type KeyType,
  type Material,
  type Place,
} from '@fairlead/certs';
import { openChannel } from './channel.ts';
import { createClient, type RpcClient } from './client.ts';
import { IdentityService } from './definitions.ts';
import { isTransient, RpcFailure } from './failure.ts';
import type { RpcMetrics } from './metrics.ts';

/** A certificate in hand, or why there will be none however often one asks: one sentence that says what to do. */
export type Enrolled = { readonly enrolment: Enrolment } | { readonly refused: string };

/**
 * Turns a join token into a first certificate and keeps it in that place, replacing what was there. The key is
 * made here and stays here; the server is verified by the root in the token. Throws when the other side cannot be
 * reached or the place not be written; both leave the token good.
 */
export async function enrol(tokenText: string, place: Place, keyType?: KeyType): Promise<Enrolled> {
  return await enroller(tokenText, place, keyType)();
}

/**
 * `enrol` that may be called again after it threw: with the same key, by which the cloudagent knows for a while who has
 * used the token, and answers once more when its answer was lost.
 */
export function enroller(tokenText: string, place: Place, keyType: KeyType = 'P-256'): () => Promise<Enrolled> {
  let keys: KeyPair | undefined;
  return async () => {
    const decoded = decodeJoinToken(tokenText);
    if ('refused' in decoded) return decoded;
    const { site, kind, name, join, control, rootCertificate } = decoded.token;
    const identity: EnrolledIdentity = { kind, site, name };
    const roots = certificatesToPem([rootCertificate]);
    // Before the token is used up for a certificate that cannot be kept.
    await filesAt(place).tryWriting();
    const own = (keys ??= await makeKeyPair(keyType));
    return await refusedOr(async () => {
      const material = await ask({ join, roots, identity, keys: own }, async (client) => {
        const { nonce } = await client.challenge({});
        const publicKey = publicKeyToDer(own.publicKey);
        const signature = signProof('enrol', own.privateKey, nonce, publicKey);
        return (await client.enrol({ token: tokenText.trim(), nonce, publicKey, signature })).issued;
      });
      const enrolment = { identity, material, join, control };
      await writeEnrolment(place, enrolment);
      return { enrolment };
    });
  };
}

/**
 * The next certificate for an enrolment, with a new key of the same type, tried in a handshake; not yet kept anywhere. Also for one
 * whose certificate is past its end: the cloudagent decides. Throws when the other side cannot be reached.
 */
export async function renew(enrolment: Enrolment, metrics?: RpcMetrics): Promise<Enrolled> {
  const { identity, join, material: old } = enrolment;
  const oldKey = keyPairOfPem(old.privateKey).privateKey;
  const keys = await makeKeyPair(keyTypeOf(oldKey));
  return await refusedOr(async () => {
    const wish = { join, roots: old.roots, identity, keys, ...(metrics && { metrics }) };
    const material = await ask(wish, async (client) => {
      const { nonce } = await client.challenge({});
      const publicKey = publicKeyToDer(keys.publicKey);
      const { issued } = await client.renew({
        chain: certificatesOfPem(old.certificateChain),
        nonce,
        publicKey,
        newKeySignature: signProof('renew', keys.privateKey, nonce, publicKey),
        oldKeySignature: signProof('renew', oldKey, nonce, publicKey),
      });
      return issued;
    });
    await tryMaterial(material);
    return { enrolment: { ...enrolment, material } };
  });
}

interface Wish {
  readonly join: string;
  /** PEM. */
  readonly roots: string;
  /** Who asks. */
  readonly identity: EnrolledIdentity;
  /** Of the certificate that is asked for. */
  readonly keys: KeyPair;
  readonly metrics?: RpcMetrics;
}

interface IssuedMessage {
  readonly chain?: Uint8Array[] | null;
  readonly roots?: Uint8Array[] | null;
}

type Asking = (client: RpcClient<typeof IdentityService>) => Promise<IssuedMessage | null | undefined>;

/** Asks for a certificate over a verified connection and takes it only when it is the one asked for. */
async function ask({ join, roots, identity, keys, metrics }: Wish, asking: Asking): Promise<Material> {
  const cloudagent = { kind: 'cloudagent', site: identity.site } as const;
  const credentials = anonymousChannelCredentials({ current: () => ({ roots }) }, cloudagent);
  const channel = openChannel(join, credentials);
  try {
    const issued = await asking(createClient(IdentityService, channel, metrics && { metrics }));
    const material = {
      privateKey: privateKeyToPem(keys.privateKey),
      certificateChain: certificatesToPem(issued?.chain ?? []),
      roots: certificatesToPem(issued?.roots ?? []),
    };
    const got = factsOfMaterial(material).identity;
    if (!sameIdentity(got, identity)) {
      throw new Error(`the certificate that came is of ${formatIdentity(got)}, not of ${formatIdentity(identity)}`);
    }
    return material;
  } finally {
    channel.close();
  }
}

/** A refusal of the cloudagent as data; whatever may go better next time is thrown. */
async function refusedOr(attempt: () => Promise<Enrolled>): Promise<Enrolled> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof RpcFailure && definite.has(error.status) && !isTransient(error)) {
      return { refused: error.detail.message };
    }
    throw error;
  }
}

const definite = new Set<string>(['PERMISSION_DENIED', 'UNAUTHENTICATED', 'INVALID_ARGUMENT', 'FAILED_PRECONDITION']);
