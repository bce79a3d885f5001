// Runs a TypeScript program of this repository on the Node that the repository pins, installing the
// dependencies first when they are missing or older than the lock file. Plain JavaScript without
// dependencies: this is the one file that must run on whatever Node (20 or newer) the machine has.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const [script, ...args] = process.argv.slice(2);

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node ${process.versions.node} is too old: install Node 20 or newer.`);
}
installDependencies();
run(pinnedNode());

function installDependencies() {
  const stamp = join(root, 'node_modules', '.fairlead-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Installing dependencies (npm ci) …');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) fail('npm ci failed: see above. With a network problem, try again.');
  writeFileSync(stamp, wanted);
}

function pinnedNode() {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return fail(`No Node 24 is pinned for ${process.platform}-${process.arch}: run this with Node 24 or newer.`);
}

function run(node) {
  const bin = join(root, 'node_modules', '.bin');
  const child = spawn(node, [join(root, script), ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}:${bin}:${process.env.PATH}` },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
