import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';
import { LACKS, type Refused } from './testing/bad-start.fixture.ts';

/** What keeps lbagent from serving: told in one sentence with the fix, before anything is touched; see the fixture. */
const FIXTURE = join(import.meta.dirname, 'testing', 'bad-start.fixture.ts');

const taken = (flag: string, port: number): string =>
  `--${flag}: 127.0.0.1:${port} is taken by another process (\`ss -lntp\` names it): end that one, or choose another port`;

const SENTENCES: Readonly<Record<keyof typeof LACKS, readonly string[]>> = {
  'programs are absent': [
    '/run/lb/bin/haproxy is not there: install haproxy 2.6 or later, or put it on the PATH',
    '/run/lb/bin/keepalived is not there: install keepalived 2.2 or later, or put it on the PATH',
    '/run/lb/bin/nft is not there: install nftables, or put it on the PATH',
  ],
  'programs are too old, or others': [
    '/run/lb/bin/haproxy is haproxy 2.4.22-f8e3218, too old: install 2.6 or later',
    '/run/lb/bin/keepalived does not say that it is keepalived: install keepalived 2.2 or later',
  ],
  'the kernel has no nftables': [
    'this kernel has no nftables (mnl.c:60: Unable to initialize Netlink socket: Protocol not supported): load the module nf_tables, or boot a kernel that has it',
  ],
  'the kernel has neither tproxy nor policy routing': [
    'this kernel cannot catch connections (tproxy) (Could not process rule: No such file or directory): load the module nft_tproxy, or boot a kernel that has it',
    'this kernel has no policy routing (ip rule) (RTNETLINK answers: Operation not supported): boot one with CONFIG_IP_MULTIPLE_TABLES',
  ],
  'it has no rights': [
    'rules and routes: this user may not change them: run lbagent as root, or give it CAP_NET_ADMIN',
  ],
  'its ports are taken': [taken('metrics-listen', 7431), taken('catch-port', 5000), taken('health-port', 5001)],
  'its directories are full, read-only and of somebody else': [
    '--state-dir: there is no room left for /run/lb/state: make room on its file system (space and inodes)',
    '--run-dir: /run/lb/run is on a file system that is mounted read-only: mount it writable, or choose another directory',
    '--keepalived-config: this user may not open /run/lb/etc/keepalived: correct owner and mode of it and of its directory',
  ],
};

it.each(Object.keys(LACKS))('%s: lbagent says all of it and ends; mended, it starts', async (what) => {
  expect(await inNamespaces<Refused>(FIXTURE, 'refusal', what)).toEqual({
    code: 1,
    said: SENTENCES[what],
    startedBefore: false,
    startedAfterwards: true,
  });
});

it('where the kernel sends on no packets of IPv6 lbagent serves, and says that it is IPv6 alone', async () => {
  const problem =
    'packets of running IPv6 connections cannot be sent on, so those break when addresses are handed over; those of IPv4 outlive it, and new ones are served as ever (Could not process rule: No such file or directory): load the module nft_dup_ipv6';
  expect(await inNamespaces(FIXTURE, 'withoutDupOfIpv6')).toEqual({
    told: [problem, expect.stringMatching(/^there is no certificate/)],
    notOk: [`not ok  ${problem}`],
  });
});

it('`lbagent check` prints what is amiss and what is well, and changes nothing', async () => {
  const seen = await inNamespaces<Record<'amiss' | 'well', { code: number; printed: string }>>(FIXTURE, 'check');
  expect(seen).toMatchObject({ amiss: { code: 1 }, well: { code: 0 }, left: 'bin\n' });
  const lines = seen.amiss.printed.split('\n');
  expect(lines.filter((line) => line.startsWith('not ok  '))).toEqual([
    'not ok  /run/lb/bin/haproxy does not say that it is haproxy: install haproxy 2.6 or later',
    `not ok  ${taken('catch-port', 5000)}`,
  ]);
  expect(lines).toContain('ok      nftables with tproxy');
  expect(seen.well.printed).not.toContain('not ok');
});

it('with haproxy serving already it tells what is amiss, and leaves haproxy as it is', async () => {
  expect(await inNamespaces(FIXTURE, 'whileServing')).toEqual({
    instead: {
      code: 1,
      said: 'lbagent: /nowhere/haproxy is not there: install haproxy 2.6 or later, or put it on the PATH\n',
    },
    told: [
      '/run/lb/bin/haproxy is haproxy 2.4.22-f8e3218, too old: install 2.6 or later',
      taken('listen', 7430),
      expect.stringContaining('there is no certificate in /run/lb/pki'),
    ],
    adopted: true,
    sameMaster: true,
  });
});
