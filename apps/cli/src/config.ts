import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { usage } from './failure.ts';

/** What `fairlead login` writes, and what people may write themselves. Paths are absolute here. */
export interface Config {
  /** Site that was logged in to; for people. */
  readonly site?: string;
  readonly operator?: string;
  /** Directory with the operator's key and certificate. */
  readonly pkiDirectory?: string;
  /** HOST:PORT of the control port, when it is not the one that the join token named. */
  readonly cloudagent?: string;
  /** Admin socket of a cloudagent on this machine: no certificate is needed there. */
  readonly socket?: string;
}

const FIELDS = ['site', 'operator', 'pkiDirectory', 'cloudagent', 'socket'] as const;

export interface Environment {
  readonly FAIRLEAD_CONFIG?: string | undefined;
  readonly XDG_CONFIG_HOME?: string | undefined;
  readonly HOME?: string | undefined;
}

/**
 * Where the configuration is: `--config`, `$FAIRLEAD_CONFIG`, `~/.config/fairlead/config.yaml`. Undefined when none of
 * them is given and there is no home directory, as in a container.
 */
export function configPath(flag: string | undefined, environment: Environment): string | undefined {
  const named = flag ?? environment.FAIRLEAD_CONFIG;
  if (named !== undefined && named !== '') return resolve(named);
  const { XDG_CONFIG_HOME: xdg, HOME: home } = environment;
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'fairlead', 'config.yaml');
  return home === undefined || home === '' ? undefined : join(home, '.config', 'fairlead', 'config.yaml');
}

/** The configuration in a file, or undefined when there is no such file. Throws with everything that is wrong in it. */
export async function readConfig(path: string): Promise<Config | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw usage(`${path} cannot be read: ${error.message}`);
  });
  return text === undefined ? undefined : parseConfig(text, path);
}

/** Reads the text of a configuration; relative paths are relative to the file. */
export function parseConfig(text: string, path: string): Config {
  const fields = readFields(text, path);
  const wrong = Object.entries(fields).flatMap(([field, value]) => {
    if (!FIELDS.some((known) => known === field))
      return [`unknown field ${JSON.stringify(field)}, known are ${FIELDS.join(', ')}`];
    return typeof value === 'string' && value !== '' ? [] : [`${field} must be text`];
  });
  if (fields['socket'] === undefined && fields['pkiDirectory'] === undefined) {
    wrong.push('one of pkiDirectory and socket is needed: run `fairlead login`');
  }
  if (wrong.length > 0) throw usage(`${path}: ${wrong.join('; ')}`);
  const config = fields as Config;
  const paths = (['pkiDirectory', 'socket'] as const).flatMap((field) => {
    const value = config[field];
    return value === undefined ? [] : [[field, resolve(dirname(path), value)] as const];
  });
  return { ...config, ...Object.fromEntries(paths) };
}

function readFields(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 }) ?? {};
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw usage(`${path} is not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw usage(`${path} must be a group of fields: ${FIELDS.join(', ')}`);
}

/** Writes the configuration, whole or not at all, for its owner alone. */
export async function writeConfig(path: string, config: Config): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `# Written by \`fairlead login\`.\n${stringify(config)}`, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}
