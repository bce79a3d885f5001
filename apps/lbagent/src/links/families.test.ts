import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { kernelFamilies } from './families.ts';

const LOOPBACK = '00000000000000000000000000000001 01 80 10 80       lo\n';
const LINK = 'fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n';

it.each<[string, string | undefined, readonly string[]]>([
  ['a kernel without it', undefined, ['ipv4']],
  ['one that has it, but not on loopback', LINK, ['ipv4']],
  ['one that has it', LINK + LOOPBACK, ['ipv4', 'ipv6']],
])('IPv6 is served where connections can be sent to ::1: %s', (_name, content, families) => {
  const directory = mkdtempSync(join(tmpdir(), 'families-'));
  try {
    if (content !== undefined) writeFileSync(join(directory, 'if_inet6'), content);
    expect(kernelFamilies(directory)).toEqual(families);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
