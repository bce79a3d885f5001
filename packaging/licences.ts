import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The licences of npm packages, by their folders, as they want to be handed on: name, version, and the text. */
export function licenceTexts(folders: readonly string[]): string {
  return folders.map(licenceText).join(`\n${'-'.repeat(80)}\n\n`);
}

/** Throws for a package that says nothing of its licence: it must not be handed on. */
function licenceText(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (license === undefined && files.length === 0) {
    throw new Error(`${folder} does not say what its licence is: find out, or do without it`);
  }
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return [`${name} ${version}`, `Licence: ${license ?? 'see below'}`, '', ...texts, ''].join('\n');
}
