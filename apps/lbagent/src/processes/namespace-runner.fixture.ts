import { runOrThrow } from './run.ts';

/**
 * Runs inside the namespaces: MODULE NAME ARGUMENT. Ends when the test that waits for it does.
 * With `--here` first: in namespaces that another one prepared.
 */
const here = process.argv[2] === '--here';
const [module = '', name = '', argument = 'null'] = process.argv.slice(here ? 3 : 2);
if (!here) {
  process.stdin.resume().on('end', () => process.exit(3));
  await runOrThrow(['mount', '-t', 'tmpfs', 'none', '/run']);
  await runOrThrow(['ip', 'link', 'set', 'lo', 'up']);
}
const functions = (await import(module)) as Record<string, (argument: unknown) => Promise<unknown>>;
const result = await functions[name]!(JSON.parse(argument));
await new Promise((resolve) => process.stdout.write(`RESULT ${JSON.stringify(result ?? null)}\n`, resolve));
process.exit(0);
