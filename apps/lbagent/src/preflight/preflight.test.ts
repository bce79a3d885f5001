import { expect, it } from 'vitest';
import { type Facts, judge, mustEnd, problemsOf } from './preflight.ts';

const haproxy = {
  name: 'haproxy',
  package: 'haproxy',
  path: '/usr/sbin/haproxy',
  version: '2.6.12',
  atLeast: [2, 6],
} as const;
const nft = { name: 'nft', package: 'nftables', path: '/usr/sbin/nft' };
const allOfIt = (said: string) => ({ ipv4: said, ipv6: said });
const kernel = {
  nftables: undefined,
  tproxy: undefined,
  ruleset: undefined,
  secondChance: { ipv4: undefined, ipv6: undefined },
  policyRouting: undefined,
  forwarding: undefined,
};
const now = Date.UTC(2026, 5, 1);
const well: Facts = {
  programs: [haproxy, nft],
  kernel,
  ports: [{ what: '--catch-port 127.0.0.1:5000', trouble: undefined, need: 'to-begin' }],
  directories: [],
  ipv6: true,
  certificate: { notBefore: now - 1_000, notAfter: now + 1_000 },
  now,
};
const { path: _path, ...nowhere } = haproxy;
const { version: _version, ...mute } = haproxy;
const year = 365 * 86_400_000;

it('a machine that has everything has no problem, and each thing is named', () => {
  expect(problemsOf(judge(well))).toEqual([]);
  expect(judge(well).map(({ what }) => what)).toEqual([
    'haproxy 2.6.12',
    'nft',
    'nftables with tproxy',
    'policy routing',
    'connections outlive a hand-over',
    'UDP',
    '--catch-port 127.0.0.1:5000',
    'clock and certificate',
    'IPv6',
  ]);
});

it('a machine without IPv6 is told of, and is well', () => {
  const checks = judge({ ...well, ipv6: false });
  expect(problemsOf(checks)).toEqual([]);
  expect(checks.at(-1)?.what).toMatch(/^IPv6 \(not in this kernel/);
});

it.each<[string, Partial<Facts>, readonly string[]]>([
  [
    'a program is absent',
    { programs: [nowhere] },
    ['haproxy is not there: install haproxy 2.6 or later, or put it on the PATH'],
  ],
  [
    'one without a version is absent',
    { programs: [{ name: 'nft', package: 'nftables' }] },
    ['nft is not there: install nftables, or put it on the PATH'],
  ],
  [
    'a program is too old',
    { programs: [{ ...haproxy, version: '2.4.22-f8e3218' }] },
    ['/usr/sbin/haproxy is haproxy 2.4.22-f8e3218, too old: install 2.6 or later'],
  ],
  [
    'a program is another one',
    { programs: [mute] },
    ['/usr/sbin/haproxy does not say that it is haproxy: install haproxy 2.6 or later'],
  ],
  [
    'the kernel has no nftables, which is told once',
    {
      kernel: {
        nftables: 'no',
        tproxy: 'no',
        ruleset: 'no',
        secondChance: allOfIt('no'),
        policyRouting: undefined,
        forwarding: 'no',
      },
    },
    ['this kernel has no nftables (no): load the module nf_tables, or boot a kernel that has it'],
  ],
  [
    'the kernel has no tproxy',
    { kernel: { ...kernel, tproxy: 'No such file', ruleset: 'No such file', secondChance: allOfIt('No such file') } },
    [
      'this kernel cannot catch connections (tproxy) (No such file): load the module nft_tproxy, or boot a kernel that has it',
    ],
  ],
  [
    'nft does not know what the rules say',
    { kernel: { ...kernel, ruleset: 'syntax error', secondChance: allOfIt('syntax error') } },
    ["nft refuses lbagent's rules (syntax error): install nftables 1.0 or later"],
  ],
  [
    'the kernel can send on no packets of IPv6, while it can those of IPv4',
    { kernel: { ...kernel, secondChance: { ipv4: undefined, ipv6: 'No such file' } } },
    [
      'packets of running IPv6 connections cannot be sent on, so those break when addresses are handed over; those of IPv4 outlive it, and new ones are served as ever (No such file): load the module nft_dup_ipv6',
    ],
  ],
  [
    'the kernel can send on no packets',
    { kernel: { ...kernel, secondChance: allOfIt('No such file') } },
    [
      'packets of running connections cannot be sent on, so those break when addresses are handed over; new ones are served as ever (No such file): load the modules nft_dup_ipv4, nft_dup_ipv6 and nft_socket',
    ],
  ],
  [
    'the kernel can send on no packets, and has no IPv6',
    { kernel: { ...kernel, secondChance: allOfIt('No such file') }, ipv6: false },
    [expect.stringMatching(/: load the modules nft_dup_ipv4 and nft_socket$/)],
  ],
  [
    'the kernel has no NAT',
    { kernel: { ...kernel, forwarding: 'No such file' } },
    [
      'this kernel cannot forward UDP, so load balancers with UDP ports are refused here (No such file): load the modules nft_chain_nat, nft_nat, nft_masq, nft_hash and nf_conntrack',
    ],
  ],
  [
    'conntrack is absent',
    { programs: [haproxy, { name: 'conntrack', package: 'conntrack (conntrack-tools)', isFor: 'UDP' }] },
    ['conntrack is not there, which UDP needs: install conntrack (conntrack-tools), or put it on the PATH'],
  ],
  [
    'the kernel has no policy routing',
    { kernel: { ...kernel, policyRouting: 'RTNETLINK answers: Operation not supported' } },
    [
      'this kernel has no policy routing (ip rule) (RTNETLINK answers: Operation not supported): boot one with CONFIG_IP_MULTIPLE_TABLES',
    ],
  ],
  [
    'the user may change neither rules nor routes, which is told once',
    {
      kernel: {
        ...kernel,
        nftables: 'Operation not permitted',
        policyRouting: 'RTNETLINK answers: Operation not permitted',
      },
    },
    ['rules and routes: this user may not change them: run lbagent as root, or give it CAP_NET_ADMIN'],
  ],
  [
    'the clock is a year behind',
    { now: now - year },
    [
      'the clock says 2025-06-01T00:00:00.000Z, and the certificate begins at 2026-05-31T23:59:59.000Z: set the clock (see timedatectl)',
    ],
  ],
  [
    'the clock is a year ahead',
    { now: now + year },
    [
      expect.stringMatching(
        /^the clock says 2027-06-01.*, and the certificate ended at 2026-06-01.*: set the clock .* join port/,
      ),
    ],
  ],
])('%s', (_what, difference, problems) => {
  expect(problemsOf(judge({ ...well, ...difference }))).toEqual(problems);
});

it('newer and older versions are told apart by number, not by text', () => {
  const tooOld = (version: string) => problemsOf(judge({ ...well, programs: [{ ...haproxy, version }] })).length > 0;
  expect(['2.6', '2.10.1', '3.0.11', '10.0'].map(tooOld)).toEqual([false, false, false, false]);
  expect(['2.5.14', '1.9', 'rc'].map(tooOld)).toEqual([true, true, true]);
});

it('what serves is left alone, unless somebody else is in charge already', () => {
  const withoutHaproxy = judge({ ...well, programs: [nowhere] });
  expect([mustEnd(withoutHaproxy, false), mustEnd(withoutHaproxy, true)]).toEqual([true, false]);
  const instead = judge({ ...well, programs: [{ ...nowhere, replaces: true }] });
  expect(mustEnd(instead, true)).toBe(true);
  const second = judge({ ...well, ports: [{ what: '--metrics-listen', trouble: 'taken', need: 'always' }] });
  expect([mustEnd(second, false), mustEnd(second, true)]).toEqual([true, true]);
  const conntrack = { name: 'conntrack', package: 'conntrack', isFor: 'UDP' };
  const lesser = judge({
    ...well,
    programs: [conntrack],
    kernel: { ...kernel, secondChance: allOfIt('no'), forwarding: 'no' },
  });
  expect([problemsOf(lesser).length, mustEnd(lesser, false)]).toEqual([3, false]);
  const onlyIpv4 = judge({ ...well, kernel: { ...kernel, secondChance: { ipv4: undefined, ipv6: 'no' } } });
  expect([problemsOf(onlyIpv4).length, mustEnd(onlyIpv4, false)]).toEqual([1, false]);
});
