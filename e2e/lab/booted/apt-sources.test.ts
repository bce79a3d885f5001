import { expect, test } from 'vitest';
import { debianSources } from './apt-sources.ts';

const STANZAS = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

const KEY = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';

test.each(['bookworm', 'trixie'])("a machine's own sources serve %s as well", (release) => {
  expect(debianSources([STANZAS], release)).toEqual([
    `deb ${KEY} http://mirror.example/debian ${release} main`,
    `deb ${KEY} http://mirror.example/debian ${release}-updates main`,
    `deb ${KEY} http://mirror.example/debian-security ${release}-security main`,
  ]);
});

test("lines of sources.list are read too, and sources that are not Debian's are left out", () => {
  const lines = `deb http://mirror.example/debian trixie main
deb-src http://mirror.example/debian trixie main
# deb http://mirror.example/other trixie main
deb [arch=amd64 signed-by=/etc/apt/keyrings/x.gpg] https://vendor.example/linux bookworm stable
deb https://vendor.example/apt vendor-bookworm main
deb https://vendor.example/node nodistro main
deb http://mirror.example/ubuntu noble main
`;
  expect(debianSources([lines], 'bookworm')).toEqual(['deb http://mirror.example/debian bookworm main']);
});

test('a stanza that is switched off is no source', () => {
  expect(debianSources([STANZAS.replaceAll('Components:', 'Enabled: no\nComponents:')], 'bookworm')).toEqual([]);
});
