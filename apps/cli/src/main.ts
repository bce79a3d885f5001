import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from './program.ts';

const stopping = new AbortController();
let stoppedBy = 0;
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(signal, () => {
    stoppedBy = 128 + number;
    stopping.abort();
    // Whatever does not listen ends now; a watch that does has this long to close its connection.
    setTimeout(() => process.exit(stoppedBy), 200).unref();
  });
}

// `fairlead get … | head`: nobody reads on, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const exitCode = await run(process.argv.slice(2), {
  terminal: {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readInput: async () => await text(process.stdin),
    inputIsTerminal: process.stdin.isTTY,
    colour: process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
  },
  environment: process.env,
  now: Date.now,
  stopping: stopping.signal,
  // kubectl runs a plugin by the name of its file: kubectl-fairlead.
  program: basename(process.argv[1] ?? '').startsWith('kubectl-') ? 'kubectl fairlead' : 'fairlead',
});
process.exitCode = stoppedBy === 0 ? exitCode : stoppedBy;
