import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { forgetArguments, listArguments, parseTracked, strays } from './conntrack.ts';

const entry = (client: string, to: string) =>
  `udp      17 26 src=${client} dst=10.9.100.1 sport=42906 dport=53 src=${to} dst=10.9.1.1 sport=30053 dport=42906 mark=0 use=1`;
const UNREPLIED =
  'udp      17 29 src=10.9.0.5 dst=10.9.100.1 sport=1 dport=53 [UNREPLIED] src=10.9.2.3 dst=10.9.1.1 sport=30053 dport=1 mark=0 use=1';
const ASSURED =
  'udp      17 99 src=fd00::5 dst=fd00::1 sport=1 dport=53 src=fd02::1 dst=fd00::b sport=30053 dport=1 [ASSURED] mark=0 use=1';
const LISTING = [entry('10.9.0.5', '10.9.2.1'), entry('10.9.0.6', '10.9.2.1'), UNREPLIED, ASSURED, ''].join('\n');

const to = (host: string) => ({ address: address(host), port: 30_053 });
const DNS = { vip: address('10.9.100.1'), port: 53 };

it('flows that go the same way are one', () => {
  expect(parseTracked(LISTING)).toEqual([
    { vip: '10.9.100.1', port: 53, to: to('10.9.2.1') },
    { vip: '10.9.100.1', port: 53, to: to('10.9.2.3') },
    { vip: 'fd00::1', port: 53, to: to('fd02::1') },
  ]);
});

it('flows stray that go to a backend that is gone; those of one that leaves, and of others, do not', () => {
  const backends = [{ name: 'node-2', ...to('10.9.2.2') }];
  const draining = [to('10.9.2.1')];
  const tracked = parseTracked(LISTING);
  expect(strays(tracked, [{ ...DNS, backends, draining }])).toEqual([{ ...tracked[1] }]);
  expect(strays(tracked, [{ ...DNS, port: 54, backends, draining: [] }])).toEqual([]);
});

it('of a forward that is gone every flow strays, and one that was never served too', () => {
  const unserved = entry('10.9.0.7', '10.9.100.1').replace('sport=30053', 'sport=53');
  expect(strays(parseTracked(`${LISTING}${unserved}\n`), [DNS])).toHaveLength(3);
});

it('asks for the flows of one address and port, and forgets those that go one way', () => {
  expect(listArguments('ipv4', DNS).join(' ')).toBe('-L -f ipv4 -p udp --orig-dst 10.9.100.1 --orig-port-dst 53');
  expect(forgetArguments('ipv4', { ...DNS, to: to('10.9.2.1') }).join(' ')).toBe(
    '-D -f ipv4 -p udp --orig-dst 10.9.100.1 --orig-port-dst 53 --reply-src 10.9.2.1 --reply-port-src 30053',
  );
});
