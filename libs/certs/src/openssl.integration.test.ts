import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority } from './authority.ts';
import type { Identity } from './identity.ts';
import { certificatesOfPem, certificatesToPem } from './pem.ts';
import { writeEnrolment } from './pki-directory.ts';
import { materialOf, withDirectory } from './testing.ts';

const authority = await createAuthority('lab', Date.now());
const machine = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;
const controller = { kind: 'controller', site: 'lab', name: 'prod' } as const;

describe('openssl', () => {
  it.each([
    ['a machine as a server', machine, 'sslserver', true],
    ['a machine as a client', machine, 'sslclient', true],
    ['a controller as a client', controller, 'sslclient', true],
    ['a controller as a server', controller, 'sslserver', false],
  ] as const)('judges %s by the strict rules of RFC 5280', async (_what, identity: Identity, purpose, accepted) => {
    await withDirectory(async (directory) => {
      const { certificateChain, roots } = await materialOf(authority, identity);
      const [leaf = Buffer.alloc(0), issuing = Buffer.alloc(0)] = certificatesOfPem(certificateChain);
      const file = (name: string, pem: string): string => {
        writeFileSync(join(directory, name), pem);
        return join(directory, name);
      };
      const trust = ['-CAfile', file('roots', roots), '-untrusted', file('issuing', certificatesToPem([issuing]))];
      const args = ['verify', '-x509_strict', '-purpose', purpose, ...trust, file('leaf', certificatesToPem([leaf]))];
      expect(spawnSync('openssl', args, { encoding: 'utf8' }).status === 0).toBe(accepted);
    });
  });

  it('reads the end of the certificate from the file that the manual names', async () => {
    await withDirectory(async (directory) => {
      const material = await materialOf(authority, machine);
      await writeEnrolment(directory, { identity: machine, material, join: '127.0.0.1:1', control: '127.0.0.1:1' });
      const said = execFileSync('openssl', ['x509', '-enddate', '-noout', '-in', join(directory, 'cloudagent.crt')], {
        encoding: 'utf8',
      });
      expect(said).toMatch(/^notAfter=.* GMT\n$/);
    });
  });
});
