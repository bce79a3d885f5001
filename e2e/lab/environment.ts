import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { commandOnHost } from './terminal.ts';

/**
 * Lines for a shell's eval: with them `fairlead` and `kubectl` speak to the lab from this machine, and `lab-curl` is
 * curl on the lab's client. The programs are small scripts in the lab's directory.
 */
export async function renderEnvironment(lab: Lab): Promise<string> {
  const bin = join(lab.directory, 'bin');
  mkdirSync(bin, { recursive: true });
  const script = (name: string, argv: readonly string[]) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${argv.map(quote).join(' ')} "$@"\n`, { mode: 0o755 });
  };
  script('lab-curl', await commandOnHost(lab, lab.site.client.name, ['curl']));
  script('fairlead', [process.execPath, lab.apps.fairlead]);
  if (lab.kubernetes) script('kubectl', [join(lab.kubernetes.bin, 'kubectl')]);
  const variables = {
    ...(lab.kubernetes ? { KUBECONFIG: lab.kubernetes.kubeconfig } : {}),
    FAIRLEAD_CONFIG: lab.operatorConfig,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...lines, `export PATH=${quote(bin)}:"$PATH"`, ''].join('\n');
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
