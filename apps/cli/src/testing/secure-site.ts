import {
  certificatesToPem,
  createAuthority,
  encodeJoinToken,
  issueLeaf,
  makeKeyPair,
  materialSource,
  newTokenSecret,
  privateKeyToPem,
  serverCredentials,
} from '@fairlead/certs';
import type { AuthorityState, Identity, MaterialSource } from '@fairlead/certs';
import { failure, IdentityService, serve, startServer } from '@fairlead/rpc';
import type { ServedService } from '@fairlead/rpc';
import { createPublicKey } from 'node:crypto';
import { QUIET, servicesOf } from './fake-site.ts';
import type { FakeSite } from './fake-site.ts';

const HOUR = 3_600_000;

/** The same site behind mutual TLS, with a join port that certifies whoever has the one token. */
export interface SecureSite {
  readonly control: string;
  /** Good once. */
  token(kind: 'operator' | 'lbagent', name: string): string;
  stop(): Promise<void>;
}

export async function startSecureSite(site: FakeSite): Promise<SecureSite> {
  const authority = await createAuthority('lab', Date.now());
  const source = await materialOf(authority, { kind: 'cloudagent', site: 'lab' });
  const tokens = new Map<string, Identity>();
  const loopback = { ...QUIET, listen: '127.0.0.1:0' } as const;
  const joining = await startServer({
    ...loopback,
    callers: 'anonymous',
    credentials: serverCredentials(source, 'anonymous'),
    services: [identityService(authority, tokens)],
  });
  const serving = await startServer({
    ...loopback,
    callers: 'certificate',
    credentials: serverCredentials(source, 'required'),
    services: servicesOf(site),
  });
  const [join, control] = [joining, serving].map(({ port }) => `127.0.0.1:${port}`) as [string, string];
  return {
    control,
    token(kind: 'operator' | 'lbagent', name: string) {
      const rootCertificate = authority.root.certificate;
      const token = encodeJoinToken({ site: 'lab', kind, name, ...newTokenSecret(), join, control, rootCertificate });
      tokens.set(token, { kind, site: 'lab', name });
      return token;
    },
    async stop() {
      await Promise.all([joining.stop(0), serving.stop(0)]);
    },
  };
}

function identityService(authority: AuthorityState, tokens: Map<string, Identity>): ServedService {
  const issue = (identity: Identity, publicKey: Uint8Array) => {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    const { chain } = issueLeaf(authority, { identity, publicKey: key, lifetime: HOUR, now: Date.now() });
    return { issued: { chain: [...chain], roots: [authority.root.certificate] } };
  };
  return serve(IdentityService, {
    challenge: async () => ({ nonce: new Uint8Array(32) }),
    async enrol({ token, publicKey }) {
      const identity = tokens.get(token);
      if (identity === undefined) throw failure('PERMISSION_DENIED', 'TOKEN_USED', 'this join token was used already');
      tokens.delete(token);
      return issue(identity, publicKey);
    },
    renew: async ({ publicKey }) => issue({ kind: 'operator', site: 'lab', name: 'alice' }, publicKey),
    trustBundle: async () => ({ roots: [authority.root.certificate] }),
  });
}

async function materialOf(authority: AuthorityState, identity: Identity): Promise<MaterialSource> {
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: HOUR, now: Date.now() });
  return materialSource({
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  });
}
