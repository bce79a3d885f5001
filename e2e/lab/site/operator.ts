import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../command.ts';

const PREFIX = 'fairlead1.';

/** The same join token, for somebody who reaches the site's ports at other addresses. It holds no proof of where they are. */
export function readdress(token: string, join: string, control: string): string {
  const fields = JSON.parse(Buffer.from(token.trim().slice(PREFIX.length), 'base64url').toString()) as object;
  return PREFIX + Buffer.from(JSON.stringify({ ...fields, join, control })).toString('base64url');
}

/** Where `logIn` puts the configuration for `fairlead` on this machine. */
export function operatorConfig(directory: string): string {
  return join(directory, 'operator', 'config.yaml');
}

/** Enrols this machine's user as an administrator of the site, with a token whose addresses can be reached from here. */
export async function logIn(fairlead: string, directory: string, token: string): Promise<void> {
  const config = operatorConfig(directory);
  mkdirSync(join(directory, 'operator'), { mode: 0o700 });
  await must([process.execPath, fairlead, 'login'], {
    stdin: token,
    env: { PATH: process.env['PATH'], FAIRLEAD_CONFIG: config },
  });
}
