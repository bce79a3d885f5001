import { refusal } from '@fairlead/model';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readStateFile, type Remembered, writeStateFile } from './state-file.ts';
import { nodePort, placed, stateOf } from '../testing/example.ts';

let directory: string;
let path: string;
let problems: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lbagent-state-'));
  path = join(directory, 'deeper', 'desired-state.json');
  problems = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

const REMEMBERED: Remembered = {
  held: {
    version: { epoch: 3, generation: 12 },
    state: stateOf([placed('a', '10.9.0.150', [nodePort(80)]), placed('b', '10.9.0.151', [nodePort(81)])]),
    unreadable: new Map([['c', refusal('NOT_READABLE', 'port', 'port is 0')]]),
  },
  judged: { choices: new Map([['prod', { kind: 'node-port', port: 30080 }]]), held: new Map([['prod', 'held']]) },
};

const read = () => readStateFile(path, (problem) => problems.push(problem));

it('what is written is what is read', async () => {
  await writeStateFile(path, REMEMBERED);
  expect(await read()).toEqual(REMEMBERED);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(problems).toEqual([]);
});

it('where nothing was written there is nothing to remember', async () => {
  expect(await read()).toBeUndefined();
  expect(problems).toEqual([]);
});

it('the same state is not written twice', async () => {
  await writeStateFile(path, REMEMBERED);
  const before = statSync(path).ino;
  await writeStateFile(path, REMEMBERED);
  expect(statSync(path).ino).toBe(before);
});

it('a file cut off anywhere is never taken for a state; it is put aside and told of', async () => {
  await writeStateFile(path, { ...REMEMBERED, held: { ...REMEMBERED.held, state: stateOf([]) } });
  const whole = readFileSync(path);
  // All of its end, where it is nearly whole, and every fifth byte before.
  for (let length = 0; length < whole.length - 1; length += length < whole.length - 50 ? 5 : 1) {
    writeFileSync(path, whole.subarray(0, length));
    problems = [];
    expect(await read()).toBeUndefined();
    expect(problems).toEqual([
      expect.stringMatching(/cannot be used \(.*\), kept as .*: the cloudagent sends the whole state anew/),
    ]);
    expect(existsSync(path)).toBe(false);
  }
});

it('what a version wrote that held no checks is read as trusting them', async () => {
  await writeStateFile(path, REMEMBERED);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"heldChecks":{"prod":"held"},', ''));
  expect(await read()).toEqual({ ...REMEMBERED, judged: { ...REMEMBERED.judged, held: new Map() } });
});

it('a state of a later version of this program is not guessed at', async () => {
  await writeStateFile(path, REMEMBERED);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"schema":1', '"schema":2'));
  expect(await read()).toBeUndefined();
  expect(problems[0]).toContain('written by another version of lbagent: schema 2');
  expect(readdirSync(join(directory, 'deeper'))).toEqual(['desired-state.json.unreadable']);
});
