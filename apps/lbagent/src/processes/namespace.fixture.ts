import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Runs an exported function of a module in network, mount and process namespaces of its own, as root there, with an empty
 * /run, and gives back what it returns (as JSON). The kernel ends everything in there with the test, however that ends.
 */
export async function inNamespaces<T>(module: string, name: string, argument: unknown = null): Promise<T> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const runner = join(import.meta.dirname, 'namespace-runner.fixture.ts');
  const node = [process.execPath, '--no-warnings', runner, module, name, JSON.stringify(argument)];
  const args = ['--pdeathsig', 'KILL', 'unshare', ...user, ...namespaces, ...node];
  const child = spawn('setpriv', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const result = /^RESULT (.*)$/m.exec(printed);
  if (code !== 0 || !result) throw new Error(`${name} ended with code ${String(code)}:\n${printed}`);
  return JSON.parse(result[1]!) as T;
}

/** The program as an absolute path. Throws one sentence when it is not there. */
export function programPath(name: string): string {
  const directories = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':');
  const found = directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${name} is not on the PATH: "npm test" brings it along`);
  return found;
}
