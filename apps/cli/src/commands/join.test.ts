import { describe, expect, test } from 'vitest';
import type { FakeSite } from '../testing/fake-site.ts';
import { withFakeSite } from '../testing/with-fake-site.ts';

let site: FakeSite;
withFakeSite((started) => {
  site = started;
});

describe('joining', () => {
  test('machines add prints the one command and nothing else on standard output', async () => {
    const { out, err } = await site.run('machines add lb-3 --set default');
    expect(out).toBe('echo fairlead1.machine | lbagent join\n');
    expect(err).toBe(
      'machine.fairlead.dev/lb-3 created, its address is 10.0.0.22\nRun this there, as root, once, within 24 h:\n',
    );
    expect(site.asked).toMatchObject([
      { request: { name: 'lb-3', loadBalancerSet: 'default', agentAddress: '', device: '' } },
    ]);
    expect((await site.run('machines add lb-3 --set default --address 10.0.0.9 --device eth1 -o json')).out).toContain(
      '"agentAddress": "10.0.0.9"',
    );
  });

  test('tokens create prints the token and nothing else on standard output', async () => {
    const { out, err } = await site.run('tokens create operator alice --role admin --lifetime 90m');
    expect([out, err]).toEqual([
      'fairlead1.operator\n',
      'Good once, for 1d: `fairlead login` reads it from standard input.\n',
    ]);
    expect(site.asked).toMatchObject([
      { request: { kind: 'operator', name: 'alice', role: 'admin', lifetimeSeconds: 5_400 } },
    ]);
    expect((await site.run('tokens create machine lb-1')).out).toBe('fairlead1.lbagent\n');
  });

  test.each([
    ['tokens create robot x', 'there is no token for "robot": write lbagent, controller or operator'],
    ['tokens create lbagent x --role admin', '--role is for operators: a lbagent has none'],
    ['tokens create lbagent x --lifetime 5', '--lifetime 5 is not a time span: write for example 1h'],
    [
      'tokens create operator x --role king',
      "error: option '--role <role>' argument 'king' is invalid. Write one of reader, operator, admin.",
    ],
    ['machines add x', "error: required option '--set <set>' not specified"],
  ])('%s is a usage error', async (line, message) => {
    const { code, err } = await site.run(line);
    expect([code, err.includes(message)]).toEqual([2, true]);
    expect(site.asked).toEqual([]);
  });
});

test('certificates list tells how long each one lasts', async () => {
  expect((await site.run('certificates list')).out).toBe(
    'IDENTITY                        EXPIRES IN   AGE\n' +
      'fairlead://lab/lbagent/lb-1     29d          1h\n' +
      'fairlead://lab/operator/alice   11h          1h\n',
  );
  expect(JSON.parse((await site.run('certs list -o json')).out)).toMatchObject([
    { notAfter: '2026-01-01T23:00:00.000Z' },
    {},
  ]);
});
