import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';

/** What befalls a machine that serves: it tells what to do, goes on, and is well again by itself; see the fixture. */
const FIXTURE = join(import.meta.dirname, 'testing', 'bad-run.fixture.ts');

it('a full disk keeps nothing from being served; what it is full of is told, and all is written once there is room', async () => {
  const seen = await inNamespaces<{ during: readonly string[] }>(FIXTURE, 'diskFills');
  expect(seen).toMatchObject({
    answersDuring: true,
    written: true,
    sameHaproxy: true,
  });
  expect(seen.during.length).toBeGreaterThan(1);
  for (const finding of seen.during) expect(finding).toMatch(/there is no room left for \S+: make room/);
});

it('a state file that makes no sense is put aside and told of, and haproxy goes on with what it has', async () => {
  expect(await inNamespaces(FIXTURE, 'stateIsGarbled')).toEqual({
    told: [expect.stringMatching(/desired-state\.json cannot be used .*: the cloudagent sends the whole state anew/)],
    answers: true,
    sameHaproxy: true,
    whole: true,
  });
});

it("haproxy's port in other hands is told with the flag, and haproxy starts once it is free", async () => {
  expect(await inNamespaces(FIXTURE, 'portIsTaken')).toEqual([
    expect.stringMatching(/haproxy does not start: --catch-port: 127\.0\.0\.1:5000 is taken by another process/),
  ]);
});

it('a hung haproxy makes the machine unfit although no byte more can be written there', async () => {
  expect(await inNamespaces(FIXTURE, 'runDirectoryFills')).toBe('unfit and fit');
});

it('a keepalived that does not stay up is told of with the reason, and no more once it does', async () => {
  expect(await inNamespaces(FIXTURE, 'keepalivedEnds')).toEqual({
    told: [
      'keepalived does not stay up (ended with code 1), so this machine cannot own addresses: /run/lb/run/keepalived.log says why',
    ],
    up: ['1', '0', '1'],
  });
});

it('a keepalived in FAULT is told of with the link that is down', async () => {
  expect(await inNamespaces(FIXTURE, 'linkGoesDown')).toEqual({
    told: 'keepalived is in FAULT because link eth0 is down, so this machine cannot own addresses: bring it up',
    up: '0',
  });
});

it('a bridge whose frames pass nftables is told of, with the setting that helps', async () => {
  expect(await inNamespaces(FIXTURE, 'bridges')).toEqual({
    called: [expect.stringMatching(/^br0 is a bridge and net\.bridge\.bridge-nf-call-iptables is 1, .*: set it to 0/)],
    not: [],
    without: [],
  });
});
