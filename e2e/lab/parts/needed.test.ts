import { expect, test } from 'vitest';
import { debianRelease, installSentence, isRecentEnough, NEEDED } from './needed.ts';

const haproxy = NEEDED.find(({ program }) => program === 'haproxy')!;

test.each([
  ['HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/', true],
  ['HAProxy version 3.0.11-1 2025/05/01', true],
  ['HA-Proxy version 2.2.9-2+deb11u6 2023/12/01', false],
  ['no number at all', false],
])('%j is recent enough: %j', (printed, expected) => {
  expect(isRecentEnough(haproxy, printed)).toBe(expected);
});

test.each([
  ['PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian\n', 'debian-12'],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', 'ubuntu-24.04'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n', 'linuxmint-22'],
  ['ID=debian\nVERSION_CODENAME=forky\n', 'debian-forky'],
  ['ID="fedora"\nVERSION_ID=42\n', undefined],
  ['', undefined],
])('%j is release %j', (osRelease, release) => {
  expect(debianRelease(osRelease)).toBe(release);
});

test('elsewhere one sentence names what to install, with the version, and leaves out what can be done without', () => {
  const missing = NEEDED.filter(({ program }) => ['haproxy', 'nft', 'arping'].includes(program));
  expect(installSentence(missing)).toBe(
    "This needs haproxy (2.6 or later), nft (1.0 or later): install what has them with this system's package manager and try again.",
  );
});
