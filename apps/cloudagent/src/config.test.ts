import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

const good = ['--site-name', 'lab', '--join-address', 'ca:7421', '--control-address', 'ca:7420'];

function problemsOf(argv: string[]): string {
  const parsed = parseConfig(argv);
  return parsed.kind === 'wrong' ? parsed.problems.join('\n') : '';
}

describe('the command line', () => {
  it('needs a name and addresses that others can use, the rest has defaults', () => {
    expect(parseConfig(good)).toEqual({
      kind: 'config',
      config: {
        siteName: 'lab',
        stateDir: '/var/lib/fairlead',
        identityDir: '/etc/fairlead/identity',
        listen: '0.0.0.0:7420',
        joinListen: '0.0.0.0:7421',
        joinAddress: 'ca:7421',
        controlAddress: 'ca:7420',
        adminSocket: '/run/fairlead/admin.sock',
        metricsListen: '0.0.0.0:7422',
        logLevel: 'info',
      },
    });
  });

  it('tells everything that is wrong at once', () => {
    const identity = [
      '--site-name',
      'No Name',
      '--state-dir',
      '/x',
      '--identity-dir',
      '/x',
      '--leaf-lifetime',
      '3 days',
    ];
    const places = [
      '--listen',
      'nowhere',
      '--admin-socket',
      'relative',
      '--control-address',
      'ca:1',
      '--log-level',
      'loud',
    ];
    const problems = problemsOf([...identity, ...places]);
    for (const flag of ['--site-name', '--listen', '--admin-socket', '--log-level', '--leaf-lifetime', '--state-dir']) {
      expect(problems).toContain(flag);
    }
    expect(problems).toContain('--join-listen 0.0.0.0:7421 says where to listen, not where to be reached');
  });

  it.each([
    [['--listen', '127.0.0.1:1', '--join-listen', '127.0.0.1:1'], '--join-listen and --listen are both 127.0.0.1:1'],
    [['--unknown'], "unknown option '--unknown'"],
    [['stray'], 'too many arguments'],
    [['--leaf-lifetime', '0s'], '--leaf-lifetime'],
  ])('refuses %j', (more, problem) => {
    expect(problemsOf([...good, ...more])).toContain(problem);
  });

  it('reads lifetimes with their unit', () => {
    expect(parseConfig([...good, '--leaf-lifetime', '90s'])).toMatchObject({ config: { leafLifetime: 90_000 } });
  });
});
