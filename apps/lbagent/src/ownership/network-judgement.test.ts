import { expect, it } from 'vitest';
import { isLossy, noteChecks, STEADY, type Wavering } from './network-judgement.ts';

/** Each row is one round a second: `+` passes, `-` fails, one character a node. */
function after(rounds: readonly string[], before: Wavering = STEADY, from = 0): Wavering {
  return rounds.reduce((now, round, index) => {
    const passing = new Map(round.split('').map((each, node) => [`node-${node}`, each === '+']));
    return noteChecks(now, passing, (from + index) * 1_000);
  }, before);
}
const judged = (rounds: readonly string[]): boolean => isLossy(after(rounds), (rounds.length - 1) * 1_000);

it.each<[string, string[], boolean]>([
  ['nothing fails', ['+++', '+++', '+++', '+++'], false],
  ['all waver', ['+++', '---', '+++', '---'], true],
  ['they waver one after the other', ['+++', '-++', '+-+', '--+', '++-', '+++', '++-'], true],
  ['one node wavers', ['+++', '-++', '+++', '-++', '+++', '-++'], false],
  ['one node is dead and the others waver', ['++-', '---', '++-', '---'], true],
  ['all are restarted', ['+++', '---', '---', '+++', '+++'], false],
  ['all die', ['+++', '---', '---', '---'], false],
  ['there is no node', ['', '', ''], false],
])('when %s', (_what, rounds, lossy) => {
  expect(judged(rounds)).toBe(lossy);
});

it('falls that lie far apart mean nothing', () => {
  const calm = Array.from({ length: 15 }, () => '+++');
  expect(judged(['+++', '---', ...calm, '---', '+++'])).toBe(false);
});

it('lasts for half a minute after it was last seen, so that it does not come and go', () => {
  const seen = after(['+++', '---', '+++', '---']);
  const steady = after(
    Array.from({ length: 29 }, () => '+++'),
    seen,
    4,
  );
  expect(isLossy(steady, 32_000)).toBe(true);
  expect(isLossy(steady, 60_000)).toBe(false);
});
