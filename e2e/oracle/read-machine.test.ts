import { expect, test } from 'vitest';
import { type MachineText, readMachine } from './read-machine.ts';

const CONFIG = `global
    stats socket /run/fairlead/haproxy.sock mode 600 level admin

backend nodes_healthz
    mode tcp
    server n0 10.9.2.1:10256 check
    server-template n 1-255 0.0.0.0:10256 check disabled

# frontend_10.9.100.1_80: lab/default/a
backend backend_10.9.100.1_80
    id 131072
    server tcp0 10.9.2.2:30001 id 46965715 track nodes_healthz/n0
    server tcp1 10.9.2.1:30001 id 689067103 track nodes_healthz/n1
    server tcp2 10.9.2.3:30001 id 689067104 disabled

backend backend_fd09::100:1_80
    server tcp0 [fd09::2:1]:30001 id 46965716

backend slot_plain_0
    mode tcp
`;
const COLUMNS =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const server = (backend: string, name: string, [address, port]: [string, number], admin: number) =>
  `9 ${backend} 1 ${name} ${address} 2 ${admin} 1 1 10 1 0 3 7 0 0 0 - ${port} - 0 0 - - 0`;

const TEXT: MachineText = {
  links: JSON.stringify([
    { ifname: 'lo', addr_info: [{ family: 'inet', local: '127.0.0.1' }] },
    {
      ifname: 'eth0',
      addr_info: [
        { family: 'inet', local: '10.9.1.1' },
        { family: 'inet6', local: 'fe80::1' },
        { family: 'inet', local: '10.9.100.1' },
        { family: 'inet6', local: 'fd09::100:1' },
      ],
    },
  ]),
  nftables: JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { set: { name: 'tcp4', elem: [{ concat: ['10.9.100.1', 80] }, { concat: ['10.9.100.2', 443] }] } },
      { set: { name: 'tcp6', elem: [{ concat: ['fd09::100:1', 80] }] } },
      { set: { name: 'departed', elem: ['02:00:00:00:00:01'] } },
    ],
  }),
  map: 'fd09::100:1|80 backend_fd09::100:1_80\n10.9.100.1|80 backend_10.9.100.1_80\n10.9.100.9|80 backend_gone\n',
  config: CONFIG,
  running: {
    map: '0x55d0c0 10.9.100.1|80 slot_plain_0\n0x55d0c1 fd09::100:1|80 slot_plain_1\n\n',
    serversState: `1\n${COLUMNS}\n${server('slot_plain_0', 'tcp0', ['10.9.2.1', 30001], 0)}\n${server('slot_plain_0', 'tcp1', ['10.9.2.2', 30001], 1)}\n${server('slot_plain_1', 'tcp0', ['fd09::2:1', 30001], 0)}\n\n`,
  },
  haproxyPids: [7, 8],
};

test('a machine is read from what its own programs and files say', () => {
  expect(readMachine(TEXT)).toEqual({
    addresses: ['10.9.1.1', '10.9.100.1', 'fd09::100:1'],
    caught: ['10.9.100.1:80', '10.9.100.2:443', '[fd09::100:1]:80'],
    file: {
      '10.9.100.1:80': ['10.9.2.1:30001', '10.9.2.2:30001'],
      '10.9.100.9:80': [],
      '[fd09::100:1]:80': ['[fd09::2:1]:30001'],
    },
    running: { '10.9.100.1:80': ['10.9.2.1:30001'], '[fd09::100:1]:80': ['[fd09::2:1]:30001'] },
    haproxyPids: [7, 8],
  });
});

test('a machine without table, files and worker serves nothing', () => {
  const { running: _running, ...rest } = TEXT;
  expect(readMachine({ ...rest, nftables: '', map: '', config: '' })).toMatchObject({
    caught: [],
    file: {},
    running: undefined,
  });
});
