export interface ManPage {
  readonly name: string;
  /** 1: for everybody, 8: for who runs the machine. */
  readonly section: 1 | 8;
  readonly summary: string;
  readonly version: string;
  /** Help of the program and of its commands, by what was asked: `fairlead get --help`. */
  readonly help: ReadonlyMap<string, string>;
  readonly files: readonly (readonly [path: string, what: string])[];
  readonly seeAlso: readonly string[];
}

/** A page for man(1), as troff. The text is that of `--help`: it is never out of date. */
export function renderManPage(page: ManPage): string {
  const { name, section, summary, version, help, files, seeAlso } = page;
  const lines = [
    `.TH ${name.toUpperCase()} ${section} "" "Fairlead ${version}" Fairlead`,
    '.SH NAME',
    `${escape(name)} \\- ${escape(summary)}`,
    '.SH DESCRIPTION',
  ];
  for (const [asked, text] of help)
    lines.push(`.SS ${escape(asked)}`, '.nf', ...text.trim().split('\n').map(escape), '.fi');
  if (files.length > 0) lines.push('.SH FILES');
  for (const [path, what] of files) lines.push('.TP', `.I ${escape(path)}`, escape(what));
  if (seeAlso.length > 0) lines.push('.SH SEE ALSO', escape(seeAlso.join(', ')));
  return `${lines.join('\n')}\n`;
}

/** Text as it is: a backslash, a leading dot or quote, and a hyphen mean something to troff. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
