import { expect, it, vi } from 'vitest';
import { type FlagSet, parseFlags, program } from './command.ts';
import { needed, type Table } from './flag.ts';
import { anything, hostPort, logLevel, turnedOn, wholeNumber } from './kinds.ts';

interface Config {
  readonly name: string;
  readonly listenOn: string;
  readonly workers: number;
  readonly tokenFile?: string;
  readonly quiet: boolean;
  readonly logLevel: string;
}

const SET: FlagSet<Config> = {
  table: {
    name: needed(anything('name')('what it is called'), 'choose one'),
    listenOn: hostPort('where it listens', '0.0.0.0:80'),
    workers: wholeNumber('number', 1, 99)('how many', '16'),
    tokenFile: anything('file')('a token'),
    quiet: turnedOn('says nothing', 'false'),
    logLevel,
  },
  contradictions: ({ listenOn, workers }) =>
    listenOn?.endsWith(':1') === true && workers !== '1' ? ['--listen-on :1 is for one worker'] : [],
};

const parse = (...argv: string[]) => parseFlags(program('it', 'Does things.'), SET, argv);

it('what is given is read, what is not has its default or is absent', () => {
  const given = { name: 'a', listenOn: 'b:1', workers: 1, tokenFile: 'c', quiet: true, logLevel: 'warn' };
  const argv = '--name a --listen-on b:1 --workers=1 --token-file c --quiet --log-level warn'.split(' ');
  expect(parse(...argv)).toEqual({ kind: 'config', config: given });
  const otherwise = { name: 'a', listenOn: '0.0.0.0:80', workers: 16, quiet: false, logLevel: 'info' };
  expect(parse('--name', 'a')).toEqual({ kind: 'config', config: otherwise });
});

it('all that is wrong is told at once, each with its flag and what to write', () => {
  expect(parse('--listen-on', 'x:1', '--workers', 'many', '--log-level', 'loud', '--no-such')).toEqual({
    kind: 'wrong',
    problems: [
      "unknown option '--no-such'",
      '--name is missing: choose one',
      '--workers "many": use a whole number from 1 to 99',
      '--log-level "loud": use one of trace, debug, info, warn, error, fatal, silent',
      '--listen-on :1 is for one worker',
    ],
  });
  expect(parse('--name', 'a', 'stray')).toMatchObject({ problems: [expect.stringMatching(/^too many arguments/)] });
  expect(parse('--name', 'a', '--listen-on', 'x'.repeat(1000))).toEqual({
    kind: 'wrong',
    problems: [`--listen-on "${'x'.repeat(64)}": write HOST:PORT, IPv6 in brackets`],
  });
});

it('help shows every flag with its form and its default, and is no mistake', () => {
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  try {
    expect(parse('--help')).toEqual({ kind: 'done' });
  } finally {
    write.mockRestore();
  }
  expect(written.join('')).toMatch(/--listen-on <host:port> +where it listens \(default: "0\.0\.0\.0:80"\)/);
  expect(written.join('')).toMatch(/--quiet +says nothing\n/);
});

it('a table says of every field how it is read, and leaves out only what may be absent', () => {
  // @ts-expect-error -- it must be there, and nothing says what to do without it
  const leaky: Table<{ readonly name: string }> = { name: anything('name')('a name') };
  // @ts-expect-error -- a field without a flag
  const short: Table<{ readonly name?: string }> = {};
  expect([leaky, short]).toHaveLength(2);
});
