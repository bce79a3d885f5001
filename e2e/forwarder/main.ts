import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startApiForwarder } from './api-forwarder.ts';
import type { ForwarderAnswer, ForwarderCommand } from './protocol.ts';
import { startSlowLink } from './slow-link.ts';

/**
 * `forwarder link --listen HOST:PORT --target HOST:PORT --delay MS`: a long way.
 * `forwarder api --listen … --target … --certificate FILE --key FILE`: in front of the Kubernetes API; is told what to
 * do on its standard input (ForwarderCommand) and ends with it.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    listen: { type: 'string', default: '' },
    target: { type: 'string', default: '' },
    delay: { type: 'string', default: '0' },
    certificate: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
  },
});
const addresses = { listen: endpoint(values.listen), target: endpoint(values.target) };
if (positionals[0] === 'link') await startSlowLink({ ...addresses, delayMs: Number(values.delay) });
else await obeyStandardInput();

function endpoint(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

async function obeyStandardInput(): Promise<void> {
  const certificate = readFileSync(values.certificate, 'utf8');
  const key = readFileSync(values.key, 'utf8');
  const forwarder = await startApiForwarder({ ...addresses, certificate, key });
  const obey = (command: ForwarderCommand): ForwarderAnswer => {
    const { id } = command;
    if (command.command === 'requests') return { id, requests: forwarder.requests };
    if (command.command === 'cut') return { id, watches: forwarder.cut() };
    if (command.command === 'expire') return { id, watches: forwarder.expire() };
    if (command.command === 'silence') return { id, watches: forwarder.silence(command.path) };
    forwarder.use(command.rules);
    return { id, watches: 0 };
  };
  createInterface({ input: process.stdin })
    .on('line', (line) => process.stdout.write(`${JSON.stringify(obey(JSON.parse(line) as ForwarderCommand))}\n`))
    .on('close', () => process.exit(0));
}
