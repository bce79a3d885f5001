import { sourceCheck } from '@fairlead/model';
import { expect, it } from 'vitest';
import { sessionsOf } from './shut-out.ts';

const REPLY = `0x558bac6d3360: proto=sockpair src=unix:2 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s
0x7fe0ec04c810: proto=tcpv4 src=10.9.0.200:53372 fe=caught_tcp4 be=slot_plain_0 srv=tcp0 ts=00 epoch=0 age=6s
0x7fe0ec04c811: proto=tcpv4 src=10.9.1.200:53373 fe=caught_tcp4 be=slot_plain_0 srv=tcp1 ts=00 epoch=0 age=6s
0x7fe0ec04c812: proto=tcpv4 src=10.9.0.200:53374 fe=caught_tcp4 be=slot_plain_1 srv=tcp1 ts=00 epoch=0 age=6s
0x7fe0ec04c813: proto=tcpv6 src=fd00:9::200:53375 fe=caught_tcp6 be=backend_fd07::1_80 srv=tcp1 ts=00 epoch=0 age=6s
0x7fe0ec04c814: proto=tcpv6 src=fd01:9::200:53376 fe=caught_tcp6 be=backend_fd07::1_80 srv=tcp1 ts=00 epoch=0 age=6s
`;

it('picks the sessions of clients who are not welcome at their service, and no other', () => {
  const services = new Map([
    ['10.9.0.150|80', 'slot_plain_0'],
    ['10.9.0.150|81', 'slot_plain_1'],
    ['fd07::1|80', 'backend_fd07::1_80'],
  ]);
  const outside = (...ranges: string[]) => {
    const isAllowed = sourceCheck(ranges);
    return (client: string): boolean => !isAllowed(client);
  };
  const unwelcome = new Map([
    ['10.9.0.150|80', outside('10.9.1.0/24')],
    ['fd07::1|80', outside('fd01::/16')],
    ['10.9.0.151|80', outside()],
  ]);
  expect(sessionsOf(REPLY, services, unwelcome)).toEqual(['0x7fe0ec04c810', '0x7fe0ec04c813']);
  expect(sessionsOf(REPLY, services, new Map())).toEqual([]);
});
