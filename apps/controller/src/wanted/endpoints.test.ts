import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { narrowSlice } from '../cluster/narrow.ts';
import type { SliceEndpoint, SliceObject } from '../cluster/objects.ts';
import { endpointNodes, podEndpoints } from './endpoints.ts';
import { slice } from '../testing/objects.ts';

const HTTP = { name: 'http', protocol: 'TCP' };

function shown(slices: readonly SliceObject[], port: { name?: string; protocol?: string } = HTTP): string[] {
  return podEndpoints(slices, port, ['ipv4']).map(
    ({ name, address, port: number, draining }) => `${name} ${address}:${number}${draining ? ' draining' : ''}`,
  );
}

function endpoint(change: Partial<SliceEndpoint> & { address: string }): SliceEndpoint {
  const { address, ...rest } = change;
  return { pod: 'p', node: 'a', state: 'ready', addresses: [address], ...rest };
}

function sliceOf(endpoints: readonly SliceEndpoint[], change: Partial<SliceObject> = {}): SliceObject {
  return { ...slice(), endpoints, ...change };
}

it.each<[string, unknown, SliceEndpoint['state']]>([
  ['without conditions', undefined, 'ready'],
  ['without a word on readiness', {}, 'ready'],
  ['ready', { ready: true, serving: true, terminating: false }, 'ready'],
  ['ready though it ends, because its Service publishes such', { ready: true, terminating: true }, 'ready'],
  ['that ends and still answers', { ready: false, serving: true, terminating: true }, 'ending'],
  ['that ends and answers no more', { ready: false, serving: false, terminating: true }, 'closed'],
  ['not ready', { ready: false, serving: false, terminating: false }, 'closed'],
  ['not ready, told by somebody who does not know of the rest', { ready: false }, 'closed'],
])('reads an endpoint %s', (_what, conditions, state) => {
  const metadata = { name: 'x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'front' } };
  const raw = { metadata, endpoints: [{ addresses: ['10.200.0.1'], conditions }] };
  expect(narrowSlice(raw)?.endpoints).toEqual([{ addresses: ['10.200.0.1'], state }]);
});

it('finds the port of each pod by its name, which may be another number in another slice', () => {
  const ports = [
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ];
  const old = sliceOf([endpoint({ pod: 'old', address: '10.200.0.1' })], { ports });
  const next = sliceOf([endpoint({ pod: 'new', address: '10.200.0.2' })], {
    ports: [{ name: 'http', protocol: 'TCP', port: 9090 }],
  });
  expect(shown([old, next])).toEqual(['new 10.200.0.2:9090', 'old 10.200.0.1:8080']);
  expect(shown([old, next], { name: 'dns', protocol: 'UDP' })).toEqual(['old 10.200.0.1:53']);
  expect(shown([old, next], { name: 'http', protocol: 'UDP' })).toEqual([]);
  expect(shown([old, next], {})).toEqual([]);
});

it('lets pods that end or are not ready keep what they have, unless no other is left', () => {
  const some = slice(['a', 'ready'], ['b', 'ending'], ['c', 'closed']);
  expect(shown([some])).toEqual([
    'front-a-0 10.200.97.2:8080',
    'front-b-1 10.200.98.3:8080 draining',
    'front-c-2 10.200.99.4:8080 draining',
  ]);
  expect(shown([slice(['b', 'ending'], ['c', 'closed'])])).toEqual([
    'front-b-0 10.200.98.2:8080',
    'front-c-1 10.200.99.3:8080 draining',
  ]);
});

it('counts a pod once in each family of the Service, by its best word', () => {
  const twice = [
    sliceOf([endpoint({ address: '10.200.0.1', state: 'closed' })]),
    sliceOf([endpoint({ address: '10.200.0.1' })]),
    sliceOf([endpoint({ address: 'fd00::1' })]),
  ];
  expect(shown(twice)).toEqual(['p 10.200.0.1:8080']);
  expect(podEndpoints(twice, HTTP, ['ipv6', 'ipv4'])).toMatchObject([
    { name: 'p', address: 'fd00::1' },
    { name: 'p.ipv4', address: '10.200.0.1', draining: false },
  ]);
});

it('takes nothing from a slice but names and addresses, whatever somebody wrote into it', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('10.200.0.1', '010.0.0.1', '10.0.0.1\nserver evil', 'fe80::1%eth0', 'a"; }', '../x', '', '-'),
  );
  const hostile = fc.array(
    fc.record({
      pod: text,
      node: text,
      addresses: fc.array(text, { maxLength: 2 }),
      state: fc.constantFrom('ready' as const, 'ending' as const, 'closed' as const),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(hostile, fc.integer(), (endpoints, port) => {
      const found = podEndpoints([sliceOf(endpoints, { ports: [{ ...HTTP, port }] })], HTTP, ['ipv4']);
      for (const each of found) {
        expect(`${each.name}${each.node ?? ''}`).toMatch(/^[-a-z0-9.]*$/);
        expect(each.address).toMatch(/^[0-9a-f.:]+$/);
        expect(each.port).toBeGreaterThan(0);
      }
      expect(new Set(found.map(({ name }) => name)).size).toBe(found.length);
    }),
  );
});

it('says the same whatever the order of slices and endpoints', () => {
  const state = fc.constantFrom('ready' as const, 'ending' as const, 'closed' as const);
  const endpoints = fc.array(
    fc.tuple(fc.constantFrom('p', 'q', 'r'), fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 3 }), state),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(endpoints, (some) => {
      const slices = some.map(([pod, node, last, how]) =>
        sliceOf([endpoint({ pod, node, address: `10.200.0.${last}`, state: how })]),
      );
      const turned = slices.toReversed();
      expect(endpointNodes(turned)).toEqual(endpointNodes(slices));
      expect(shown(turned)).toEqual(shown(slices));
    }),
  );
});
