import { spawn } from 'node:child_process';

/** Runs a program to its end and answers its standard output; throws with what it said when it fails. */
export async function run(argv: readonly [string, ...string[]], environment: NodeJS.ProcessEnv): Promise<string> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (complaints += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}; install it`)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${argv.join(' ')} failed (code ${code}): ${complaints.trim() || output.trim()}`));
    });
  });
  return output;
}
