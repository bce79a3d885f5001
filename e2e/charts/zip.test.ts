import { crc32, deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readZipEntry } from './zip.ts';

interface File {
  readonly name: string;
  readonly content: string;
  readonly deflated: boolean;
}

/** An archive as APPNOTE 4.3 says, with something in front of it. */
function archiveOf(files: readonly File[]): Buffer {
  const parts: Buffer[] = [Buffer.from('in front')];
  const directory: Buffer[] = [];
  const size = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { length }) => sum + length, 0);
  for (const { name, content, deflated } of files) {
    const packed = deflated ? deflateRawSync(content) : Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    common.copy(entry, 6);
    entry.writeUInt32LE(size(parts), 42);
    directory.push(entry, Buffer.from(name));
    parts.push(Buffer.from([0x50, 0x4b, 3, 4]), common, Buffer.from(name), packed);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size(parts), 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const archive = archiveOf([
  { name: 'kept/a', content: 'as it is', deflated: false },
  { name: 'packed/b', content: 'again '.repeat(100), deflated: true },
]);

it('gives one file of an archive, packed or not', () => {
  expect(readZipEntry(archive, 'kept/a').toString()).toBe('as it is');
  expect(readZipEntry(archive, 'packed/b').toString()).toBe('again '.repeat(100));
});

it('says what is missing', () => {
  expect(() => readZipEntry(archive, 'c')).toThrow('there is no c in the archive');
  expect(() => readZipEntry(Buffer.from('no archive'), 'c')).toThrow('this is no zip archive');
});
