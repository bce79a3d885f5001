import { describe, expect, test } from 'vitest';
import type { FakeSite } from '../testing/fake-site.ts';
import { withFakeSite, writeSiteFile } from '../testing/with-fake-site.ts';

let site: FakeSite;
withFakeSite((started) => {
  site = started;
});

describe('apply', () => {
  test('sends the documents of a file and says what each became', async () => {
    const path = await writeSiteFile(site, 'site.yaml', 'kind: VipPool\n');
    const { code, out } = await site.run(`apply -f ${path}`);
    expect([code, out.split('\n')[0]]).toEqual([0, 'vippool.fairlead.dev/default created']);
    expect(site.asked).toMatchObject([
      { request: { documents: [{ yaml: 'kind: VipPool\n', source: path }], dryRun: false } },
    ]);
  });

  test('reads standard input, and --dry-run says that nothing was changed', async () => {
    const { out } = await site.run('apply --dry-run -f -', { input: 'kind: X' });
    expect(out).toContain('vippool.fairlead.dev/default created (dry run)\n');
    expect(site.asked).toMatchObject([
      { request: { documents: [{ yaml: 'kind: X', source: 'stdin' }], dryRun: true } },
    ]);
  });

  test('prints every violation with file, line and field on standard error, and ends with 1', async () => {
    site.violations = [
      {
        source: 'site.yaml',
        line: 12,
        field: 'VipPool/default spec.ranges[0]',
        message: '10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?',
      },
      { source: 'site.yaml', line: 0, field: '', message: 'this is not valid YAML' },
      {
        source: 'site.yaml',
        line: 3,
        field: 'Network/lan',
        message: 'Network/lan is declared in x.yaml: change it there',
      },
    ];
    expect(await site.run('apply -f -', { input: 'x' })).toEqual({
      code: 1,
      out: '',
      err:
        'site.yaml:12: VipPool/default spec.ranges[0]: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?\n' +
        'site.yaml: this is not valid YAML\n' +
        'site.yaml:3: Network/lan is declared in x.yaml: change it there\n' +
        'error: nothing was applied: correct these 3 and apply again\n',
    });
  });

  test('a directory is read in order of name; one without documents, or a missing file, is a usage error', async () => {
    const missing = await site.run('apply -f /nowhere.yaml');
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('/nowhere.yaml cannot be read') });
    expect(await site.run('apply')).toMatchObject({
      code: 2,
      err: 'error: say which file: -f FILE, -f DIRECTORY or -f -\n',
    });
    expect(site.asked).toEqual([]);
  });
});

describe('delete', () => {
  test('by name, and by file in the order that leaves nothing hanging', async () => {
    expect((await site.run('delete machine lb-1')).out).toBe('machine.fairlead.dev/lb-1 deleted\n');
    const path = await writeSiteFile(
      site,
      'both.yaml',
      'kind: VipPool\nmetadata: {name: default}\n---\nkind: LoadBalancer\nmetadata: {name: registry}\n',
    );
    expect((await site.run(`delete -f ${path}`)).out).toBe(
      'loadbalancer.fairlead.dev/registry deleted\nvippool.fairlead.dev/default deleted\n',
    );
  });

  test('one that cannot go does not keep the others', async () => {
    expect(await site.run('delete machine busy lb-9 lb-1')).toEqual({
      code: 1,
      out: 'machine.fairlead.dev/lb-1 deleted\n',
      err: 'error: Machine/busy is used by somebody\nerror: machines "lb-9" not found\n',
    });
    expect(await site.run('delete machine lb-9 --ignore-not-found')).toEqual({ code: 0, out: '', err: '' });
  });

  test('nothing is deleted by kind alone', async () => {
    expect(await site.run('delete machines')).toMatchObject({
      code: 2,
      err: 'error: say which machine: fairlead delete machine NAME\n',
    });
    expect(site.asked).toEqual([]);
  });
});
