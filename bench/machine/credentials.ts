import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  certificatesToPem,
  createAuthority,
  type Identity,
  issueLeaf,
  makeKeyPair,
  type Material,
  privateKeyToPem,
  writeEnrolment,
} from '@fairlead/certs';
import { LB } from './state.ts';

const SITE = 'bench';
const LIFETIME = 24 * 3_600_000;

export const CLOUDAGENT: Identity = { kind: 'cloudagent', site: SITE };
export const MACHINE = { kind: 'lbagent', site: SITE, name: LB.name } as const;

/** Below `directory`: `pki` as an enrolled lbagent has it, and what the pusher shows as the cloudagent. */
export async function writeCredentials(directory: string): Promise<void> {
  const authority = await createAuthority(SITE, Date.now());
  const materialOf = async (identity: Identity): Promise<Material> => {
    const keys = await makeKeyPair();
    const { chain } = issueLeaf(authority, {
      identity,
      publicKey: keys.publicKey,
      lifetime: LIFETIME,
      now: Date.now(),
    });
    return {
      privateKey: privateKeyToPem(keys.privateKey),
      certificateChain: certificatesToPem(chain),
      roots: certificatesToPem([authority.root.certificate]),
    };
  };
  const nowhere = '127.0.0.1:1';
  const material = await materialOf(MACHINE);
  await writeEnrolment(join(directory, 'pki'), { identity: MACHINE, material, join: nowhere, control: nowhere });
  writeFileSync(join(directory, 'cloudagent.json'), JSON.stringify(await materialOf(CLOUDAGENT)), { mode: 0o600 });
}

export function readCloudagentMaterial(directory: string): Material {
  return JSON.parse(readFileSync(join(directory, 'cloudagent.json'), 'utf8')) as Material;
}
