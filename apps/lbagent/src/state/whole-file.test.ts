import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeWholeFile } from './whole-file.ts';

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'whole-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'below', 'file');
}

const parts = (...texts: string[]) => texts.map((text) => Buffer.from(text));

it('a text in parts is written as one, and nothing else is left', async () => {
  const path = place();
  expect(await writeWholeFile(path, parts('one ', '', 'two ', 'ü'), 0o640)).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('one two ü');
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(readdirSync(join(path, '..'))).toEqual(['file']);
});

it('what the file holds already, in whatever parts, is not written again', async () => {
  const path = place();
  await writeWholeFile(path, 'one two', 0o600);
  const { ino } = statSync(path);
  expect(await writeWholeFile(path, parts('on', 'e t', 'wo'), 0o600)).toBe(false);
  expect(await writeWholeFile(path, 'one two', 0o600)).toBe(false);
  expect(statSync(path).ino).toBe(ino);
});

it.each(['one twO', 'one tw', 'one two!', ''])('a file that holds %j is replaced', async (found) => {
  const path = place();
  await writeWholeFile(path, 'elsewhere', 0o600);
  writeFileSync(path, found);
  expect(await writeWholeFile(path, parts('one ', 'two'), 0o600)).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('one two');
});
