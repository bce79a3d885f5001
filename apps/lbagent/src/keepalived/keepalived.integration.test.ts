import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inNamespaces } from '../processes/namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'keepalived.fixture.ts');
const PAIR = join(import.meta.dirname, 'faults.fixture.ts');
const LOSSY = join(import.meta.dirname, 'lossy.fixture.ts');

function golden(name: string): string {
  return readFileSync(join(import.meta.dirname, 'golden', name), 'utf8');
}

describe('keepalived.conf', () => {
  it.each(['three-machines.conf', 'one-machine.conf', 'over-ipv6.conf', 'without-scripts.conf'])(
    'is accepted by the real keepalived: %s',
    async (name) => {
      expect(await inNamespaces(FIXTURE, 'judged', golden(name))).toEqual({
        first: { kind: 'changed' },
        second: { kind: 'unchanged' },
        third: { kind: 'refused', message: expect.stringContaining("Unknown keyword 'nopreemptt'") },
        kept: true,
        failed: true,
        afterKill: ['changed', 'unchanged', 'unchanged'],
      });
    },
  );
});

describe('an owner', () => {
  const started = ['started', ['edge-1'], 2, 'MASTER'];

  it('has its VIPs exactly while the anchor is on the link, and lbagent hears of every change, even of those before it came', async () => {
    expect(await inNamespaces(FIXTURE, 'lifeOfAnOwner', 'keepalived')).toEqual({
      heard: ['BACKUP', 'MASTER', 'FAULT', 'BACKUP', 'MASTER', 'STOP'],
      seen: [
        started,
        ['unfit', [], 0, 'FAULT'],
        ['fit', ['edge-1'], 2, 'MASTER'],
        ['reloaded', ['edge-1'], 2, 'MASTER'],
        ['stopped', [], 0, 'STOP'],
      ],
    });
  });

  it('is heard of without scripts too, and leaves the VIPs to lbagent then', async () => {
    expect(await inNamespaces(FIXTURE, 'lifeOfAnOwner', 'lbagent')).toEqual({
      heard: ['BACKUP', 'MASTER', 'FAULT', 'BACKUP', 'MASTER', 'STOP'],
      seen: [
        ['started', ['edge-1'], 0, undefined],
        ['unfit', [], 0, undefined],
        ['fit', ['edge-1'], 0, undefined],
        ['reloaded', ['edge-1'], 0, undefined],
        ['stopped', [], 0, undefined],
      ].map((row) => row.map((cell) => cell ?? null)),
    });
  });

  it('ends up as the anchor says when notify scripts overtake each other', async () => {
    const seen = await inNamespaces<{ ms: number }>(FIXTURE, 'overtaken');
    expect(seen).toMatchObject({ wrong: [] });
    // Repeating an announcement must not keep the next change waiting: that took 25 s.
    expect(seen.ms).toBeLessThan(15_000);
  });
});

describe('the net without lbagent', () => {
  it('tells a HAProxy that answers from one that is stopped and one that is gone', async () => {
    const seen = await inNamespaces<{ silentMs: number }>(FIXTURE, 'checks');
    expect(seen).toMatchObject({ running: 0, stopped: 1, again: 0, dead: 1 });
    expect(seen.silentMs).toBeGreaterThan(800);
  });
});

describe('a machine that is said to lose packets', () => {
  it('keeps its addresses until another that loses none claims them; where both lose, all is as ever', async () => {
    expect(await inNamespaces(LOSSY, 'lossyMachines')).toEqual({
      none: ['lb-1'],
      said: ['lb-1'],
      both: ['lb-1'],
      first: ['lb-2'],
      noMore: ['lb-2'],
    });
  });
});

interface Seen {
  readonly gapMs: number;
  readonly failed: number;
  readonly lastAnswer: string;
}

describe('a new VIP', () => {
  it('is reached at once by a client that asked before it was there, and by one that knows it elsewhere', async () => {
    const seen = await inNamespaces<{ unknown: number; wrong: number }>(PAIR, 'newVips');
    expect(seen).toMatchObject({ entryWasWrong: true });
    expect(seen.unknown).toBeLessThan(2000);
    expect(seen.wrong).toBeLessThan(2000);
  });
});

describe('a pair of machines whose lbagents are dead', () => {
  it('serves the client again soon after every fault, from exactly one owner', async () => {
    const seen = await inNamespaces<Record<string, Seen>>(PAIR, 'faultsWithoutLbagent', 100);
    const most = (name: string, gapMs: number, lastAnswer: string): void => {
      const { gapMs: gap, lastAnswer: answer } = seen[name]!;
      expect({ name, answer, soon: gap < gapMs, gap }).toMatchObject({ name, answer: lastAnswer, soon: true });
    };
    expect(seen['atStart']).toEqual([['lb-1'], ['lb-1']]);
    expect(seen['announced']).toMatchObject({ failed: 0, lastAnswer: 'lb-1' });
    most('trackFile', 500, 'lb-2');
    most('fitAgain', 500, 'lb-2');
    most('cut', 1500, 'lb-1');
    most('healed', 500, 'lb-1');
    most('haproxyKilled', 2000, 'lb-2');
    most('haproxyStopped', 3000, 'lb-1');
    most('keepalivedTerminated', 500, 'lb-2');
    most('keepalivedKilled', 1500, 'lb-1');
    most('supervisedKeepalivedKilled', 1500, 'lb-2');
    expect(seen['twoOwners']).toEqual(['lb-1', 'lb-2']);
    expect(seen['supervised']).toMatchObject({ kind: 'running', adopted: false });
    expect(seen['states']).toEqual(['BACKUP', 'MASTER']);
  }, 180_000);
});

it('over IPv6 elects an owner and hands over as it does over IPv4', async () => {
  const fixture = join(import.meta.dirname, 'over-ipv6.fixture.ts');
  const seen = await inNamespaces<{ tookMs: number }>(fixture, 'overIpv6');
  expect(seen).toMatchObject({ owners: ['lb-1'] });
  expect(seen.tookMs).toBeLessThan(5_000);
});
