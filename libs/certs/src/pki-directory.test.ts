import { mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority } from './authority.ts';
import { readEnrolment, writeEnrolment, type Enrolment } from './pki-directory.ts';
import { materialOf, withDirectory } from './testing.ts';
import { tryMaterial } from './try-material.ts';

const authority = await createAuthority('lab', Date.now());
const identity = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;

async function enrolment(): Promise<Enrolment> {
  const material = await materialOf(authority, identity);
  return { identity, material, join: '127.0.0.1:7421', control: '127.0.0.1:7420' };
}

describe('the PKI directory', () => {
  it('is empty before anybody enrolled', async () => {
    await withDirectory(async (directory) => {
      expect(await readEnrolment(directory)).toBeUndefined();
      expect(await readEnrolment(join(directory, 'missing'))).toBeUndefined();
    });
  });

  it('gives back what was written, under the file names of the manual, keys for the owner only', async () => {
    await withDirectory(async (directory) => {
      const path = join(directory, 'pki');
      const written = await enrolment();
      await writeEnrolment(path, written);
      expect(await readEnrolment(path)).toEqual(written);
      expect(readFileSync(join(path, 'cloudagent.crt'), 'utf8')).toBe(written.material.certificateChain);
      expect(readFileSync(join(path, 'ca.crt'), 'utf8')).toBe(written.material.roots);
      expect(statSync(path).mode & 0o777).toBe(0o700);
      expect(statSync(join(path, 'cloudagent.key')).mode & 0o777).toBe(0o600);
    });
  });

  it('replaces all files at once', async () => {
    await withDirectory(async (directory) => {
      for (let round = 0; round < 3; round += 1) {
        const written = await enrolment();
        await writeEnrolment(directory, written);
        expect(await readEnrolment(directory)).toEqual(written);
      }
    });
  });

  it('is never seen half-written by somebody who reads all the time', async () => {
    await withDirectory(async (directory) => {
      const both = [await enrolment(), await enrolment()] as const;
      await writeEnrolment(directory, both[0]);
      let writing = true;
      const isWriting = (): boolean => writing;
      const reads = (async () => {
        let count = 0;
        while (isWriting()) {
          expect(both).toContainEqual(await readEnrolment(directory));
          count += 1;
        }
        return count;
      })();
      for (let round = 0; round < 10; round += 1) await writeEnrolment(directory, both[round % 2] ?? both[0]);
      writing = false;
      expect(await reads).toBeGreaterThan(5);
    });
  });

  it('keeps the old set when a writer died before the last step', async () => {
    await withDirectory(async (directory) => {
      const written = await enrolment();
      await writeEnrolment(directory, written);
      const half = join(directory, '.version-0000000000000000');
      mkdirSync(half);
      writeFileSync(join(half, 'cloudagent.crt'), 'half of a');
      expect(await readEnrolment(directory)).toEqual(written);
      await writeEnrolment(directory, written);
      expect(await readEnrolment(directory)).toEqual(written);
    });
  });

  it('keeps the old set when the new pair does not match', async () => {
    await withDirectory(async (directory) => {
      const written = await enrolment();
      await writeEnrolment(directory, written);
      const other = await enrolment();
      const mixed = { ...other, material: { ...other.material, privateKey: written.material.privateKey } };
      await expect(writeEnrolment(directory, mixed)).rejects.toThrow(/private key is not that of/);
      expect(await readEnrolment(directory)).toEqual(written);
    });
  });

  it.each(['cloudagent.crt', 'cloudagent.key', 'ca.crt'] as const)(
    'is refused when %s is cut off at any place',
    async (name) => {
      await withDirectory(async (directory) => {
        await writeEnrolment(directory, await enrolment());
        const whole = readFileSync(join(directory, name));
        for (let length = 0; length < whole.length - 2; length += 97) {
          writeFileSync(join(directory, name), whole.subarray(0, length));
          await expect(readEnrolment(directory)).rejects.toThrow(/enrol again with a new join token/);
        }
      });
    },
  );

  it('is refused when the certificate is of somebody else', async () => {
    await withDirectory(async (directory) => {
      await writeEnrolment(directory, await enrolment());
      const text = readFileSync(join(directory, 'identity.json'), 'utf8');
      writeFileSync(join(directory, 'identity.json'), text.replace('lb-1', 'lb-2'));
      await expect(readEnrolment(directory)).rejects.toThrow(/identity.json says/);
    });
  });

  it('may also be plain files, such as a mounted Secret', async () => {
    await withDirectory(async (directory) => {
      const written = await enrolment();
      await writeEnrolment(join(directory, 'made'), written);
      const plain = join(directory, 'plain');
      mkdirSync(plain);
      for (const name of ['cloudagent.crt', 'cloudagent.key', 'ca.crt', 'identity.json']) {
        writeFileSync(join(plain, name), readFileSync(join(directory, 'made', name)));
      }
      expect(await readEnrolment(plain)).toEqual(written);
      await writeEnrolment(plain, written);
      expect(await readEnrolment(plain)).toEqual(written);
    });
  });

  it('does not gather old keys', async () => {
    await withDirectory(async (directory) => {
      for (let round = 0; round < 4; round += 1) {
        await writeEnrolment(directory, await enrolment());
        for (const name of readdirSync(directory)) {
          if (name.startsWith('.version-')) utimesSync(join(directory, name), 0, 0);
        }
      }
      expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toHaveLength(1);
    });
  });
});

describe('trying a material', () => {
  it.each([
    ['cloudagent', { kind: 'cloudagent', site: 'lab' }],
    ['controller', { kind: 'controller', site: 'lab', name: 'prod' }],
    ['lbagent', identity],
    ['operator', { kind: 'operator', site: 'lab', name: 'ann' }],
  ] as const)('passes for a good one of a %s', async (_kind, one) => {
    await expect(tryMaterial(await materialOf(authority, one))).resolves.toBeUndefined();
  });

  it('fails for one past its end', async () => {
    await expect(tryMaterial(await materialOf(authority, identity, -2000))).rejects.toThrow(/expired/);
    const controller = { kind: 'controller', site: 'lab', name: 'prod' } as const;
    await expect(tryMaterial(await materialOf(authority, controller, -2000))).rejects.toThrow(/trial handshake/);
  });

  it('fails for one whose roots are of somebody else', async () => {
    const { roots } = await materialOf(await createAuthority('lab', Date.now()), identity);
    await expect(tryMaterial({ ...(await materialOf(authority, identity)), roots })).rejects.toThrow(/trusted root/);
  });
});
