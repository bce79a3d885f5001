import { duplexPair } from 'node:stream';
import { connect, createSecureContext, createServer, type SecureContextOptions } from 'node:tls';
import { createAuthority, issueLeaf } from './authority.ts';
import { usagesOf, type Identity } from './identity.ts';
import { makeKeyPair, privateKeyToPem } from './keys.ts';
import { factsOfMaterial, type Material } from './material.ts';
import { certificatesToPem } from './pem.ts';
import { pinPeer } from './peer.ts';
import { contextOptions, tlsRules } from './tls-options.ts';

const patience = 10_000;

/**
 * Tries a material in real handshakes with oneself, in memory, for every use its identity has: as a server it must
 * convince a client that trusts its roots, as a client a server that does. Throws when one fails.
 */
export async function tryMaterial(material: Material): Promise<void> {
  const { identity } = factsOfMaterial(material);
  const partner = await makePartner(identity.site);
  if (usagesOf(identity.kind).includes('serverAuth')) {
    await handshake(contextOptions(material), { ...tlsRules, ca: material.roots }, identity);
  }
  if (usagesOf(identity.kind).includes('clientAuth')) {
    const server = { ...contextOptions(partner), ca: material.roots };
    const client = { ...contextOptions(material), ca: partner.roots };
    await handshake(server, client, { kind: 'cloudagent', site: identity.site });
  }
}

/** A server that lives for one handshake, so that a certificate for clients only can be tried alone. */
async function makePartner(site: string): Promise<Material> {
  const now = Date.now();
  const authority = await createAuthority(site, now);
  const keys = await makeKeyPair();
  const identity = { kind: 'cloudagent', site } as const;
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: patience, now });
  return {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
}

async function handshake(
  server: SecureContextOptions,
  client: SecureContextOptions,
  expected: Identity,
): Promise<void> {
  const [serverEnd, clientEnd] = duplexPair();
  const acceptor = createServer({ ...server, requestCert: client.cert !== undefined });
  const connected = connect({
    socket: clientEnd,
    secureContext: createSecureContext(client),
    checkServerIdentity: pinPeer(expected),
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), patience);
      // In TLS 1.3 a client learns only with the first answer that its certificate was taken, so one byte goes over.
      acceptor.once('secureConnection', (accepted) => accepted.on('error', reject).write('.'));
      acceptor.once('tlsClientError', reject);
      connected.once('error', reject).once('data', () => resolve());
      acceptor.emit('connection', serverEnd);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`a trial handshake with the new certificate failed: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    for (const end of [connected, serverEnd, clientEnd]) end.on('error', () => {}).destroy();
  }
}
