import { expect, it } from 'vitest';
import { parseConfig } from './config.ts';

it('needs the name of the cluster and has defaults for the rest', () => {
  expect(parseConfig(['--cluster', 'prod', '--identity', 'pod-1'])).toEqual({
    kind: 'config',
    config: {
      cluster: 'prod',
      pkiDir: '/etc/fairlead/pki',
      defaultClass: false,
      leaseNamespace: 'fairlead-system',
      leaseName: 'fairlead-controller',
      identity: 'pod-1',
      metricsListen: '0.0.0.0:7440',
      logLevel: 'info',
      workers: 16,
    },
  });
});

it('names all that is wrong at once', () => {
  const parsed = parseConfig(
    [
      '--cluster',
      'Prod',
      '--cloudagent',
      'nowhere',
      '--metrics-listen',
      ':99999',
      '--log-level',
      'loud',
      '--workers',
      '-1',
    ].concat(['--lease-namespace', 'a/b', '--identity', ' ']),
  );
  expect(parsed).toMatchObject({ kind: 'wrong' });
  const flags = parsed.kind === 'wrong' ? parsed.problems.map((problem) => problem.split(' ')[0]) : [];
  expect(new Set(flags)).toEqual(
    new Set([
      '--cloudagent',
      '--cluster',
      '--identity',
      '--lease-namespace',
      '--log-level',
      '--metrics-listen',
      '--workers',
    ]),
  );
});

it.each([[[]], [['--cluster', 'prod', '--no-such-flag']], [['--cluster', 'prod', 'more']]])('refuses %j', (argv) => {
  expect(parseConfig(argv).kind).toBe('wrong');
});
