import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { isKnown, parseNews } from './news.ts';
import type { LinkNews } from './types.ts';

const TAIL = String.raw`\       valid_lft forever preferred_lft forever`;

describe('a line of ip monitor', () => {
  it.each<[string, LinkNews]>([
    [
      `3: eth0    inet 10.0.0.9/32 metric 46130 scope global eth0${TAIL}`,
      { kind: 'address', device: 'eth0', address: address('10.0.0.9'), there: true },
    ],
    [
      `Deleted 3: eth0.10    inet6 fd00::9/128 metric 46130 scope global nodad ${TAIL}`,
      { kind: 'address', device: 'eth0.10', address: address('fd00::9'), there: false },
    ],
    [
      String.raw`3: eth0@p0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP group default \    link/ether 02:fc:00:00:00:01 brd ff:ff:ff:ff:ff:ff`,
      { kind: 'link', device: 'eth0', there: true, up: true, mac: '02:fc:00:00:00:01' },
    ],
    [
      String.raw`2: p0@eth0: <NO-CARRIER,BROADCAST,M-DOWN> mtu 1500 state LOWERLAYERDOWN \    link/ether 4e:7a:f5:f8:1f:e9 brd ff:ff:ff:ff:ff:ff`,
      { kind: 'link', device: 'p0', there: true, up: false, mac: '4e:7a:f5:f8:1f:e9' },
    ],
    [
      String.raw`Deleted 3: eth0@NONE: <BROADCAST,MULTICAST> mtu 1500 state DOWN \    link/ether 02:fc:00:00:00:01 brd ff:ff:ff:ff:ff:ff`,
      { kind: 'link', device: 'eth0', there: false, up: false, mac: '02:fc:00:00:00:01' },
    ],
    [
      String.raw`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN \    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00`,
      { kind: 'link', device: 'lo', there: true, up: true },
    ],
    ['default via 10.0.0.1 dev eth0', { kind: 'unknown' }],
    ['3: eth0    inet 10.0.0/32 scope global', { kind: 'unknown' }],
  ])('%s', (line, news) => {
    expect(parseNews(line)).toEqual(news);
  });
});

describe('what is known already', () => {
  const known = {
    addresses: new Map([['eth0 10.0.0.1', {}]]),
    links: [{ device: 'eth0', up: true, mac: '02:00:00:00:00:01' }],
  };
  const vip = (text: string, there: boolean): LinkNews => ({
    kind: 'address',
    device: 'eth0',
    address: address(text),
    there,
  });
  const eth0 = { kind: 'link', device: 'eth0', there: true, up: true, mac: '02:00:00:00:00:01' } as const;

  it.each<[string, boolean, readonly LinkNews[]]>([
    ['nothing', true, []],
    ['the echo of an address that was added', true, [vip('10.0.0.1', true)]],
    ['the echo of one that was removed', true, [vip('10.0.0.2', false)]],
    ['an announcement', true, [eth0]],
    ['one that somebody took and gave back', true, [vip('10.0.0.1', false), vip('10.0.0.1', true)]],
    ['one that somebody took', false, [vip('10.0.0.1', true), vip('10.0.0.1', false)]],
    ['one that somebody added', false, [vip('10.0.0.3', true)]],
    ['a link that went down', false, [{ ...eth0, up: false }]],
    ['a link with another hardware address', false, [{ ...eth0, mac: '02:00:00:00:00:02' }]],
    ['a link that went away', false, [{ ...eth0, there: false }]],
    ['a link that came', false, [{ ...eth0, device: 'eth1' }]],
    ['a link that came and went', true, [{ ...eth0, device: 'eth1', there: false }]],
    ['anything else', false, [vip('10.0.0.1', true), { kind: 'unknown' }]],
  ])('%s: %s', (_, expected, news) => {
    expect(isKnown(news, known)).toBe(expected);
  });
});
