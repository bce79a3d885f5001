import { expect, it } from 'vitest';
import { parseServiceMap } from './service-map.ts';
import { parseBackendNames, parseInfo, parseServersState, withoutTimes, withoutUnused } from './worker-state.ts';

const HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const ROWS = [
  '3 nodes_healthz 1 n0 10.99.0.1 0 4 1 1 0 8 2 0 6 0 0 0 - 10256 - 0 0 - - 0',
  '131072 backend_10.7.0.9_80 777 tcp0 10.99.0.1 2 0 1 1 12 1 0 2 0 0 1 1 - 8080 - 0 0 - - 0',
  '5 slot_plain_0 12345 tcp0 10.99.0.2 2 1 1 1 3 1 0 0 0 0 0 1 - 8080 - 0 0 - - 0',
];

it('show servers state gives every server by backend', () => {
  const backends = parseServersState(['1', HEADER, ...ROWS, ''].join('\n'));
  expect(backends.get('nodes_healthz')!.id).toBeUndefined();
  expect(backends.get('backend_10.7.0.9_80')!.id).toBe(131072);
  expect(backends.get('backend_10.7.0.9_80')!.servers.get('tcp0')).toEqual({
    name: 'tcp0',
    id: 777,
    address: '10.99.0.1',
    port: 8080,
    maintenance: false,
    up: true,
    checked: false,
    secondsInState: 12,
  });
  expect(backends.get('slot_plain_0')!.servers.get('tcp0')).toMatchObject({ maintenance: true });
  expect(backends.get('nodes_healthz')!.servers.get('n0')).toMatchObject({
    up: false,
    maintenance: false,
    checked: true,
  });
});

it('servers that wait for an address can be left out, and nothing else goes with them', () => {
  const unused = (name: string) => `3 nodes_healthz 7 ${name} 0.0.0.0 0 1 1 1 0 8 2 0 6 0 0 0 - 10256 - 0 0 - - 0`;
  const reply = ['1', HEADER, unused('n1'), ROWS[0], unused('n2'), unused('n3'), ...ROWS.slice(1), unused('n4')];
  const left = parseServersState(withoutUnused(reply.join('\n')));
  expect(left).toEqual(parseServersState(['1', HEADER, ...ROWS].join('\n')));
  expect(parseServersState(reply.join('\n')).get('nodes_healthz')!.servers.get('n1')!.address).toBeUndefined();
});

it('without times two replies are the same exactly as long as the servers are', () => {
  const reply = (...rows: readonly string[]) => withoutTimes(['1', HEADER, ...rows].join('\n'));
  const before = reply(...ROWS);
  expect(reply(...ROWS.map((row) => row.replace(/^((\S+ ){9})\d+/, (_, before: string) => `${before}99`)))).toBe(
    before,
  );
  for (const [from, to] of [
    [' 2 0 1 1 12', ' 0 0 1 1 12'],
    [' 777 ', ' 778 '],
    ['1 - 8080', '1 - 8081'],
  ] as const) {
    expect(reply(...ROWS.map((row) => row.replace(from, to)))).not.toBe(before);
  }
});

it.each([
  ['another version', ['2', HEADER, ...ROWS].join('\n')],
  ['a missing column', ['1', HEADER.replace(' srv_port', ''), ...ROWS].join('\n')],
  ['half a line', ['1', HEADER, ROWS[0]!.slice(0, 40)].join('\n')],
  ['a number that is none', ['1', HEADER, ROWS[0]!.replace(' 10256 ', ' x ')].join('\n')],
  ['an error', 'Unknown command'],
  ['nothing', ''],
])('no decision is made on %s', (_, reply) => {
  expect(() => parseServersState(reply)).toThrow(/show servers state|for a number/);
});

it('show backend and show map give names and routes, and nothing else passes', () => {
  expect(parseBackendNames('# name\nnodes_healthz\nslot_plain_0')).toEqual(['nodes_healthz', 'slot_plain_0']);
  expect(() => parseBackendNames('Permission denied')).toThrow('show backend');
  const { services, quotas } = parseServiceMap(
    '0x5639bae1a0f0 10.7.0.9|80 slot_plain_0\n0x1 10.7.0.9|81 slot_p_1|5|ab\n',
  );
  expect([...services]).toEqual([
    ['10.7.0.9|80', 'slot_plain_0'],
    ['10.7.0.9|81', 'slot_p_1'],
  ]);
  expect([...quotas]).toEqual([['10.7.0.9|81', '5|ab']]);
  expect(parseServiceMap('').services.size).toBe(0);
  expect(() => parseServiceMap('Unknown map identifier.')).toThrow('show map');
});

it('show info gives the marker of what the worker has loaded', () => {
  const reply =
    'Name: HAProxy\nVersion: 2.6.12\nPid: 42\nMaxconn: 100\nCurrConns: 3\ndescription: fairlead-1\nStopping: 0';
  expect(parseInfo(reply)).toEqual({
    version: '2.6.12',
    pid: 42,
    marker: 'fairlead-1',
    stopping: false,
    currentConnections: 3,
    maxConnections: 100,
  });
  expect(() => parseInfo('Name: HAProxy\nPid: x')).toThrow('for a number');
  expect(() => parseInfo('')).toThrow('show info');
});
