import {
  certificatesToPem,
  createAuthority,
  type EnrolledIdentity,
  issueLeaf,
  makeKeyPair,
  privateKeyToPem,
  writeEnrolment,
} from '@fairlead/certs';

/** Puts a certificate of an authority that nobody else knows into the directory. */
export async function enrolAs(identity: EnrolledIdentity, pkiDir: string): Promise<void> {
  const authority = await createAuthority('lab', Date.now());
  const keys = await makeKeyPair();
  const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: 60_000, now: Date.now() });
  const material = {
    privateKey: privateKeyToPem(keys.privateKey),
    certificateChain: certificatesToPem(chain),
    roots: certificatesToPem([authority.root.certificate]),
  };
  await writeEnrolment(pkiDir, { identity, material, join: '10.0.0.1:7421', control: '10.0.0.1:7420' });
}
