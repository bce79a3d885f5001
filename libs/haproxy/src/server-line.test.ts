import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { freeServerName, type ServerCheck, serverIds, serverParameters } from './server-line.ts';
import { shuffled } from './testing/shuffled.ts';

const DEFINITIONS = Array.from({ length: 300 }, (_, index) => `10.0.0.${index % 250}:${30000 + index} tcp`);

it('ids do not depend on order, so that consistent hashing agrees between machines', () => {
  const expected = new Map(DEFINITIONS.map((text, index) => [text, serverIds(DEFINITIONS)[index]]));
  for (let seed = 1; seed <= 100; seed++) {
    const order = shuffled(DEFINITIONS, seed);
    const ids = serverIds(order);
    for (const [index, text] of order.entries()) expect(ids[index]).toBe(expected.get(text));
  }
});

it('ids are distinct, positive and fit 31 bits', () => {
  const ids = serverIds(DEFINITIONS);
  expect(new Set(ids).size).toBe(DEFINITIONS.length);
  for (const id of ids) expect(id > 0 && id <= 0x7fffffff).toBe(true);
});

it('one definition has one id however often it is named', () => {
  const [first, second] = serverIds(['a', 'a']);
  expect(first).toBe(second);
});

it('a new server takes the lowest free name', () => {
  expect(freeServerName(new Set())).toBe('tcp0');
  expect(freeServerName(new Set(['tcp0', 'tcp2']))).toBe('tcp1');
});

it.each<[ServerCheck, string]>([
  [{ kind: 'none' }, '10.0.0.1:80 id 7'],
  [{ kind: 'tcp' }, '10.0.0.1:80 id 7 check inter 1000ms fastinter 250ms downinter 500ms fall 2 rise 1'],
  [
    { kind: 'http', port: 32000 },
    '10.0.0.1:80 id 7 check port 32000 inter 1000ms fastinter 250ms downinter 500ms fall 2 rise 1',
  ],
  [{ kind: 'http', port: 0 }, '10.0.0.1:80 id 7 check inter 1000ms fastinter 250ms downinter 500ms fall 2 rise 1'],
  [{ kind: 'track', backend: 'nodes_healthz', server: 'n3' }, '10.0.0.1:80 id 7 track nodes_healthz/n3'],
])('a server with check %j reads as haproxy reads it', (check, text) => {
  expect(serverParameters({ name: 'tcp0', id: 7, address: address('10.0.0.1'), port: 80, check })).toBe(text);
});

it('a server that is told of clients, and asked at another pace, reads as haproxy reads it', () => {
  const check: ServerCheck = { kind: 'tcp', pace: { intervalMs: 5_000, rise: 3, fall: 4 } };
  const server = { name: 'tcp0', id: 7, address: address('10.0.0.1'), port: 80, check } as const;
  expect(serverParameters({ ...server, proxyProtocol: 1 })).toBe(
    '10.0.0.1:80 id 7 send-proxy check inter 5000ms fall 4 rise 3',
  );
  expect(serverParameters({ ...server, proxyProtocol: 2 })).toMatch(/^10\.0\.0\.1:80 id 7 send-proxy-v2 check /);
});
