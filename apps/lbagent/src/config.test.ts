import { describe, expect, it } from 'vitest';
import { parseCommand } from './config.ts';

const RUN = ['run'];

describe('run', () => {
  it('takes the places that a package gives it', () => {
    expect(parseCommand(RUN)).toMatchObject({
      kind: 'run',
      config: {
        listen: '0.0.0.0:7430',
        pkiDir: '/etc/lbagent/pki',
        haproxyConfig: '/var/lib/lbagent/haproxy/haproxy.cfg',
        haproxySocket: '/run/lbagent/haproxy.sock',
        haproxyMasterSocket: '/run/lbagent/haproxy-master.sock',
        processes: 'systemd',
        slots: 512,
        drainSeconds: 30,
      },
    });
  });

  it('keeps its sockets together in the run dir', () => {
    expect(parseCommand([...RUN, '--run-dir', '/run/x'])).toMatchObject({
      config: { haproxySocket: '/run/x/haproxy.sock', haproxyMasterSocket: '/run/x/haproxy-master.sock' },
    });
  });

  it('tells everything that is wrong at once', () => {
    const flags =
      'run --name Lb_1 --listen nowhere --processes docker --slots 3 --catch-port 70000 --state-dir relative ' +
      '--log-level loud --keepalived-scripts maybe --haproxy-config relative/too';
    const parsed = parseCommand(flags.split(' '));
    expect(parsed).toMatchObject({ kind: 'wrong' });
    const problems = parsed.kind === 'wrong' ? parsed.problems : [];
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      '--name',
      '--listen',
      '--state-dir',
      '--haproxy-config',
      '--processes',
      '--log-level',
      '--catch-port',
      '--slots',
      '--keepalived-scripts',
    ]);
  });

  it('refuses one port for two purposes', () => {
    const parsed = parseCommand([...RUN, '--catch-port', '5001']);
    expect(parsed).toEqual({
      kind: 'wrong',
      problems: ['--catch-port and --health-port are both 5001: use two ports'],
    });
  });
});

it.each([
  [[], 'say what to do'],
  [['walk'], "unknown command 'walk'"],
  [['run', '--nmae', 'x'], "unknown option '--nmae'"],
  [['run', 'away'], 'too many arguments'],
  [['withdraw', '--run-dir', 'here'], '--run-dir "here": use an absolute path'],
  [['stop-serving', '--wait', 'long'], '--wait "long"'],
])('%j is refused with what is wrong', (argv, text) => {
  const parsed = parseCommand(argv);
  expect(parsed.kind === 'wrong' && parsed.problems.join()).toContain(text);
});

it('join, stop-serving, resume-serving and withdraw know their directories', () => {
  expect(parseCommand(['join'])).toEqual({ kind: 'join', pkiDir: '/etc/lbagent/pki' });
  expect(parseCommand(['join', '--pki-dir', '/x'])).toEqual({ kind: 'join', pkiDir: '/x' });
  expect(parseCommand(['stop-serving'])).toEqual({
    kind: 'serving',
    runDir: '/run/lbagent',
    serve: false,
    waitSeconds: 0,
  });
  expect(parseCommand(['resume-serving', '--run-dir', '/run/x'])).toEqual({
    kind: 'serving',
    runDir: '/run/x',
    serve: true,
    waitSeconds: 0,
  });
  expect(parseCommand(['withdraw'])).toEqual({
    kind: 'withdraw',
    stateDir: '/var/lib/lbagent',
    runDir: '/run/lbagent',
  });
});
