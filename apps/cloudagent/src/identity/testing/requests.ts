import {
  certificatesOfPem,
  keyPairOfPem,
  makeKeyPair,
  publicKeyToDer,
  signProof,
  type Enrolment,
  type KeyPair,
} from '@fairlead/certs';
import { enrol, RpcFailure } from '@fairlead/rpc';
import { join } from 'node:path';
import type { TestSite } from './site.ts';

/** Enrols as a machine, controller or (admin) operator does, in a directory of the site's. */
export async function enrolled(
  site: TestSite,
  kind: 'lbagent' | 'controller' | 'operator',
  name: string,
): Promise<Enrolment> {
  const token = await site.token(kind, name, kind === 'operator' ? 'admin' : undefined);
  const result = await enrol(token, join(site.directory, `pki-${name}`));
  if ('refused' in result) throw new Error(result.refused);
  return result.enrolment;
}

/** An enrolment request as a client of ours would make it, with whatever is to be wrong about it. */
export async function enrolment(
  site: TestSite,
  token: string,
  changes: object = {},
  client: ReturnType<TestSite['joinClient']> = site.joinClient(),
): Promise<RpcFailure | 'issued'> {
  const keys = await makeKeyPair();
  const { nonce } = await client.challenge({});
  const publicKey = publicKeyToDer(keys.publicKey);
  const signature = signProof('enrol', keys.privateKey, nonce, publicKey);
  return await outcome(client.enrol({ token, nonce, publicKey, signature, ...changes }));
}

export async function renewal(
  site: TestSite,
  old: { chain: Uint8Array[]; keys: KeyPair },
  changes: object = {},
): Promise<RpcFailure | 'issued'> {
  const client = site.joinClient();
  const keys = await makeKeyPair();
  const { nonce } = await client.challenge({});
  const publicKey = publicKeyToDer(keys.publicKey);
  const newKeySignature = signProof('renew', keys.privateKey, nonce, publicKey);
  const oldKeySignature = signProof('renew', old.keys.privateKey, nonce, publicKey);
  return await outcome(
    client.renew({ chain: old.chain, nonce, publicKey, newKeySignature, oldKeySignature, ...changes }),
  );
}

export async function outcome(call: Promise<unknown>): Promise<RpcFailure | 'issued'> {
  try {
    await call;
    return 'issued';
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
}

export function reasonOf(result: RpcFailure | 'issued'): string {
  return result === 'issued' ? result : result.detail.reason;
}

export const heldBy = ({ material }: Enrolment): { chain: Uint8Array[]; keys: KeyPair } => ({
  chain: certificatesOfPem(material.certificateChain),
  keys: keyPairOfPem(material.privateKey),
});
