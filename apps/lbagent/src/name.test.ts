import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, encodeJoinToken, newTokenSecret } from '@fairlead/certs';
import { expect, it, onTestFinished } from 'vitest';
import { awaitName, type NameSources } from './name.ts';
import { enrolAs } from './testing/enrolment.fixture.ts';

function sources(change: Partial<NameSources> = {}): NameSources {
  const directory = mkdtempSync(join(tmpdir(), 'lbagent-name-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return { pkiDir: join(directory, 'pki'), stateDir: directory, ...change };
}

async function nameFrom(from: NameSources): Promise<{ name: string | undefined; told: readonly string[] }> {
  const told: string[] = [];
  const stopping = new AbortController();
  const name = await awaitName(from, stopping.signal, (why) => {
    told.push(why);
    stopping.abort();
  });
  return { name, told };
}

function remember(stateDir: string, text: string): void {
  writeFileSync(join(stateDir, 'desired-state.json'), text);
}

it('the name that was given goes before all others', async () => {
  const from = sources({ name: 'lb-9' });
  await enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-1' }, from.pkiDir);
  expect(await nameFrom(from)).toEqual({ name: 'lb-9', told: [] });
});

it('a machine is called what its certificate says', async () => {
  const from = sources();
  remember(from.stateDir, '{"config":{"machine":"lb-2"}}');
  await enrolAs({ kind: 'lbagent', site: 'lab', name: 'lb-1' }, from.pkiDir);
  expect(await nameFrom(from)).toEqual({ name: 'lb-1', told: [] });
});

it('without a certificate that can be used it is called as when it last served', async () => {
  const from = sources();
  remember(from.stateDir, '{"config":{"machine":"lb-2"}}');
  expect(await nameFrom(from)).toEqual({ name: 'lb-2', told: [] });
});

it('before it has joined, a join token names it', async () => {
  const from = sources();
  const joinTokenFile = join(from.stateDir, 'token');
  const authority = await createAuthority('lab', Date.now());
  const token = {
    site: 'lab',
    kind: 'lbagent',
    name: 'lb-3',
    ...newTokenSecret(),
    join: '10.0.0.1:7421',
    control: '10.0.0.1:7420',
    rootCertificate: authority.root.certificate,
  } as const;
  writeFileSync(joinTokenFile, encodeJoinToken(token));
  expect(await nameFrom({ ...from, joinTokenFile })).toEqual({ name: 'lb-3', told: [] });
});

it.each(['', 'not JSON', '{}', '{"config":{"machine":7}}'])(
  'a machine that nobody has named says how it joins (remembered: %j)',
  async (text) => {
    const from = sources();
    remember(from.stateDir, text);
    const { name, told } = await nameFrom(from);
    expect(name).toBeUndefined();
    expect(told.join()).toContain('`fairlead machines add NAME`');
  },
);
