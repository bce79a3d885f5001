import { address, type Port } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG, node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { changesBetween } from './changes.ts';
import { createWantedReader, nodeCheckKey, type Wanted, wantedOf } from './wanted.ts';

const OPTIONS = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const VIP = '10.9.0.150';

function backends(wanted: Wanted, key = `${VIP}|80`): string[] {
  return wanted.services
    .get(key)!
    .servers.map((server) => `${server.label}${server.stage === 'serving' ? '' : ` ${server.stage}`}`);
}

it('a Cluster-policy port is served by every eligible node, checked once per node', () => {
  const wanted = wantedOf(stateOf([placed('a', VIP, [nodePort(80), nodePort(81)])]), OPTIONS);
  expect([...wanted.services.keys()]).toEqual([`${VIP}|80`, `${VIP}|81`]);
  expect(backends(wanted)).toEqual(['node-1', 'node-2', 'node-3']);
  expect([...wanted.nodeChecks.keys()]).toEqual([
    'healthz 10.8.0.1:10256',
    'healthz 10.8.0.2:10256',
    'healthz 10.8.0.3:10256',
  ]);
  expect([...wanted.vips.values()]).toEqual([{ address: VIP, device: 'eth0', vrrpInstance: 'edge-1', announce: true }]);
});

it('at most maxBackends nodes serve one port, the same ones whatever the order', () => {
  const nodes = Array.from({ length: 40 }, (_, index) => node(`node-${index + 1}`));
  const of = (order: typeof nodes) =>
    backends(wantedOf(stateOf([placed('a', VIP, [nodePort(80)])], nodeSet(order, { maxBackends: 5 })), OPTIONS));
  expect(of(nodes)).toHaveLength(5);
  expect(of(nodes.toReversed())).toEqual(of(nodes));
});

it('a node that is not eligible gets nothing; a draining one keeps what it has', () => {
  const nodes = [node('node-1'), node('node-2', { eligible: false }), node('node-3', { draining: true })];
  const wanted = wantedOf(stateOf([placed('a', VIP, [nodePort(80)])], nodeSet(nodes)), OPTIONS);
  expect(backends(wanted)).toEqual(['node-1', 'node-3 leaving']);
});

it('when no node is eligible any more the last ones go on', () => {
  const nodes = THREE_NODES.map((each) => ({ ...each, eligible: false }));
  expect(backends(wantedOf(stateOf([placed('a', VIP, [nodePort(80)])], nodeSet(nodes)), OPTIONS))).toEqual([
    'node-1',
    'node-2',
    'node-3',
  ]);
});

it('when every node is on its way out they go on until another one comes', () => {
  const nodes = ['node-1', 'node-2'].map((name) => node(name, { eligible: false, draining: true }));
  const of = (...more: ReturnType<typeof node>[]) =>
    backends(wantedOf(stateOf([placed('a', VIP, [nodePort(80)])], nodeSet([...nodes, ...more])), OPTIONS));
  expect(of()).toEqual(['node-1', 'node-2']);
  expect(of(node('node-3'))).toEqual(['node-1 leaving', 'node-2 leaving', 'node-3']);
});

it('a pod leaves with its node, is left out with it, and goes on when nothing else is left', () => {
  const endpoint = (name: string, on: string, draining = false) => {
    const where = address(`10.200.0.${name.charCodeAt(0)}`);
    return { name, address: where, port: 8080, draining, node: on };
  };
  const of = (...endpoints: ReturnType<typeof endpoint>[]) => {
    const nodes = [
      node('stays'),
      node('leaves', { eligible: false, draining: true }),
      node('excluded', { eligible: false }),
    ];
    const port = nodePort(80, { target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } });
    return backends(wantedOf(stateOf([placed('a', VIP, [port])], nodeSet(nodes)), OPTIONS));
  };
  const all = [
    endpoint('a', 'stays'),
    endpoint('b', 'leaves'),
    endpoint('c', 'excluded'),
    endpoint('d', 'stays', true),
  ];
  expect(of(...all, endpoint('e', 'unheard-of'))).toEqual(['a', 'b leaving', 'd draining', 'e']);
  expect(of(...all.slice(1, 3))).toEqual(['b leaving', 'c']);
  expect(of(endpoint('b', 'leaves'), endpoint('d', 'stays', true))).toEqual(['b', 'd draining']);
});

describe('two families', () => {
  const BOTH = { ...OPTIONS, families: ['ipv4', 'ipv6'] as const };
  const SIX = 'fd09::150';
  const dual = { families: ['ipv4', 'ipv6'] as const };
  const nodes = [
    node('both', { addresses: [address('10.8.0.1'), address('fd08::1')] }),
    node('four', { addresses: [address('10.8.0.2')] }),
    node('six', { addresses: [address('fd08::3')] }),
  ];
  const targets = (wanted: Wanted, key: string) => wanted.services.get(key)!.servers.map((server) => server.address);

  it('of one Service are served by every node, at its address of the same family where it has one', () => {
    const state = stateOf([placed('a', [VIP, SIX], [nodePort(80)], dual)], nodeSet(nodes));
    const wanted = wantedOf(state, BOTH);
    expect(targets(wanted, `${VIP}|80`)).toEqual(['10.8.0.1', '10.8.0.2', 'fd08::3']);
    expect(targets(wanted, `${SIX}|80`)).toEqual(['fd08::1', '10.8.0.2', 'fd08::3']);
    expect([...wanted.nodeChecks.keys()].sort()).toEqual([
      'healthz 10.8.0.1:10256',
      'healthz 10.8.0.2:10256',
      'healthz [fd08::1]:10256',
      'healthz [fd08::3]:10256',
    ]);
  });

  it('a Service of one family is served only by nodes that have it: others do not open its NodePort', () => {
    const of = (vip: string, family: 'ipv4' | 'ipv6') =>
      wantedOf(stateOf([placed('a', vip, [nodePort(80)], { families: [family] })], nodeSet(nodes)), BOTH);
    expect(targets(of(VIP, 'ipv4'), `${VIP}|80`)).toEqual(['10.8.0.1', '10.8.0.2']);
    expect(targets(of(SIX, 'ipv6'), `${SIX}|80`)).toEqual(['fd08::1', 'fd08::3']);
  });

  it('maxBackends counts nodes that can serve the family', () => {
    const many = [...nodes, ...Array.from({ length: 30 }, (_, index) => node(`node-${index + 10}`))];
    const state = stateOf(
      [placed('a', SIX, [nodePort(80)], { families: ['ipv6'] })],
      nodeSet(many, { maxBackends: 2 }),
    );
    expect(targets(wantedOf(state, BOTH), `${SIX}|80`)).toEqual(['fd08::1', 'fd08::3']);
  });

  it('a pod is reached at its address of the family, what is not in Kubernetes at the one it was declared with', () => {
    const endpoints = ['10.200.1.5', 'fd10::5'].map((text, index) => {
      return { name: `e${index}`, address: address(text), port: 8080, draining: false };
    });
    const port = nodePort(80, { target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } });
    const of = (more: object) => wantedOf(stateOf([placed('a', SIX, [port], { ...dual, ...more })]), BOTH);
    expect(targets(of({ backendMode: 'pod' }), `${SIX}|80`)).toEqual(['fd10::5']);
    expect(targets(of({}), `${SIX}|80`)).toEqual(['10.200.1.5', 'fd10::5']);
  });

  it('where the kernel has one of them, that address is served, and why the other is not is told', () => {
    const wanted = wantedOf(stateOf([placed('a', [VIP, SIX], [nodePort(80)], dual), placed('b', SIX, [])]), OPTIONS);
    expect([...wanted.services.keys()]).toEqual([`${VIP}|80`]);
    expect([...wanted.vips.keys()]).toEqual([VIP]);
    expect(wanted.refused.get('a')).toMatchObject({
      reason: 'FAMILY_NOT_SERVED',
      message: expect.stringContaining(SIX),
    });
    expect(wanted.refused.get('b')).toMatchObject({ reason: 'FAMILY_NOT_SERVED' });
  });

  it('are asked for their health each in its own way, and held each by itself', () => {
    const state = stateOf([placed('a', [VIP, SIX], [nodePort(80)], dual)], nodeSet(nodes));
    const nodeChecks = new Map([['prod/ipv6', { kind: 'node-port', port: 30080 } as const]]);
    const wanted = wantedOf(state, { ...BOTH, nodeChecks, heldClusters: new Set(['prod/ipv6']) });
    expect(wanted.services.get(`${SIX}|80`)!.servers.map(({ check }) => check)).toMatchObject([
      { check: { kind: 'tcp', address: 'fd08::1' } },
      { check: { kind: 'healthz', address: '10.8.0.2' } },
      { check: { kind: 'tcp', address: 'fd08::3' } },
    ]);
    expect([...wanted.heldChecks].sort()).toEqual(['tcp [fd08::1]:30080', 'tcp [fd08::3]:30080']);
  });
});

it('Local names its nodes and asks each by HTTP; no nodes are no backends, not all', () => {
  const local = (nodes: readonly string[]): Port =>
    nodePort(80, {
      target: { kind: 'node-port', nodePort: 30080, nodes },
      check: { kind: 'http', port: 32000, path: '/healthz' },
    });
  const some = wantedOf(stateOf([placed('a', VIP, [local(['node-2', 'gone'])])]), OPTIONS);
  expect(backends(some)).toEqual(['node-2']);
  expect(some.services.get(`${VIP}|80`)!.profile).toEqual({ check: { path: '/healthz' } });
  expect(some.services.get(`${VIP}|80`)!.servers[0]!.check).toEqual({ kind: 'http', port: 32000 });
  expect(backends(wantedOf(stateOf([placed('a', VIP, [local([])])]), OPTIONS))).toEqual([]);
  const target = { kind: 'node-port', nodePort: 30080, nodes: ['node-1'], drainingNodes: ['node-2'] } as const;
  const ending = nodePort(80, { target, check: { kind: 'http', port: 32000, path: '/healthz' } });
  expect(backends(wantedOf(stateOf([placed('a', VIP, [ending])]), OPTIONS))).toEqual(['node-1', 'node-2 draining']);
});

it('endpoints are asked by TCP, themselves', () => {
  const endpoints = [
    { name: 'a', address: address('10.0.0.5'), port: 8443, draining: false },
    { name: 'b', address: address('10.0.0.6'), port: 8443, draining: true },
  ];
  const port = nodePort(443, { target: { kind: 'endpoints', endpoints } });
  const wanted = wantedOf(stateOf([placed('static/registry', VIP, [port], { cluster: '' })]), OPTIONS);
  expect(backends(wanted, `${VIP}|443`)).toEqual(['a', 'b draining']);
  expect(wanted.services.get(`${VIP}|443`)!.servers.map((server) => server.check.kind)).toEqual(['tcp', 'tcp']);
  expect(wanted.nodeChecks.size).toBe(0);
});

it('two names for one address and port are one server, which drains when both do', () => {
  const of = (...draining: boolean[]) => {
    const endpoints = draining.map((drains, index) => {
      return { name: `e${index}`, address: address('10.0.0.5'), port: 8443, draining: drains };
    });
    const port = nodePort(443, { target: { kind: 'endpoints', endpoints } });
    const wanted = wantedOf(stateOf([placed('a', VIP, [port])]), OPTIONS);
    return wanted.services.get(`${VIP}|443`)!.servers.map(({ stage }) => stage);
  };
  expect([of(true, false), of(false, true), of(true, true)]).toEqual([['serving'], ['serving'], ['draining']]);
});

it('a server asked in another way is another server', () => {
  const state = stateOf([placed('a', VIP, [nodePort(80)])]);
  const ids = (wanted: Wanted) => wanted.services.get(`${VIP}|80`)!.servers.map((server) => server.id);
  const byPort = wantedOf(state, { ...OPTIONS, nodeChecks: new Map([['prod', { kind: 'node-port', port: 30001 }]]) });
  const unasked = wantedOf(state, { ...OPTIONS, nodeChecks: new Map([['prod', { kind: 'none' }]]) });
  expect([...byPort.nodeChecks.values()].map(nodeCheckKey)[0]).toBe('tcp 10.8.0.1:30001');
  expect(unasked.nodeChecks.size).toBe(0);
  const all = [wantedOf(state, OPTIONS), byPort, unasked].flatMap(ids);
  expect(new Set(all).size).toBe(all.length);
});

it('what is refused is refused by itself', () => {
  const bad = (id: string, port: Port, vip = '10.9.0.151') => placed(id, vip, [port]);
  const endpoint = (where: string): Port =>
    nodePort(82, {
      target: { kind: 'endpoints', endpoints: [{ name: 'x', address: address(where), port: 1, draining: false }] },
    });
  const elsewhere = placed('d-network', '10.9.0.152', [nodePort(80)]);
  const v6 = placed('e-family', 'fd00::1', [nodePort(80)]);
  const state = stateOf([
    placed('a', VIP, [nodePort(80)]),
    bad('b-taken', nodePort(80), VIP),
    bad('c-path', nodePort(81, { check: { kind: 'http', port: 1, path: '/a\nb' } })),
    { ...elsewhere, addresses: [{ ...elsewhere.addresses[0]!, network: 'dmz' }] },
    v6,
    bad('f-loopback', endpoint('127.0.0.1')),
    bad('g-vip', endpoint(VIP)),
    bad('h-machine', endpoint('10.9.0.12')),
    {
      ...elsewhere,
      loadBalancer: { ...elsewhere.loadBalancer, id: 'i-instance' },
      addresses: [{ ...elsewhere.addresses[0]!, vrrpInstance: 'x' }],
    },
  ]);
  const wanted = wantedOf(state, OPTIONS);
  expect([...wanted.services.keys()]).toEqual([`${VIP}|80`]);
  expect([...wanted.refused].map(([id, { reason }]) => [id, reason])).toEqual([
    ['b-taken', 'PORT_TAKEN'],
    ['c-path', 'CHECK_PATH_INVALID'],
    ['d-network', 'NETWORK_NOT_ATTACHED'],
    ['e-family', 'FAMILY_NOT_SERVED'],
    ['f-loopback', 'BACKEND_NOT_ALLOWED'],
    ['g-vip', 'BACKEND_NOT_ALLOWED'],
    ['h-machine', 'BACKEND_NOT_ALLOWED'],
    ['i-instance', 'VRRP_INSTANCE_UNKNOWN'],
  ]);
});

it('of two that want one port the same one is served in any order', () => {
  const two = [placed('b', VIP, [nodePort(80)]), placed('a', VIP, [nodePort(80)])];
  for (const order of [two, two.toReversed()]) {
    expect(wantedOf(stateOf(order), OPTIONS).services.get(`${VIP}|80`)!.loadBalancerId).toBe('a');
  }
});

it('reading on from one state to the next gives what reading anew gives, and keeps what did not change', () => {
  const read = createWantedReader();
  const first = [placed('a', VIP, [nodePort(80)]), placed('b', VIP, [nodePort(81)])];
  const before = read(stateOf(first), OPTIONS);
  const state = { ...stateOf([...first, placed('c', VIP, [nodePort(82)])]), nodeSets: stateOf(first).nodeSets };
  const same = { ...state, config: CONFIG };
  expect(read(same, OPTIONS)).toEqual(wantedOf(same, OPTIONS));
  const set = nodeSet(THREE_NODES);
  const again = createWantedReader();
  const one = again(stateOf(first, set), OPTIONS);
  const two = again(stateOf([...first, placed('c', VIP, [nodePort(82)])], set), OPTIONS);
  expect(two.services.get(`${VIP}|80`)).toBe(one.services.get(`${VIP}|80`));
  expect(before.services.get(`${VIP}|80`)).toEqual(one.services.get(`${VIP}|80`));
  const moved = again(stateOf(first, nodeSet(THREE_NODES.slice(1))), OPTIONS);
  expect(backends(moved)).toEqual(['node-2', 'node-3']);
});

it('one load balancer that changed leaves what others want as it is, in the very same objects', () => {
  const read = createWantedReader();
  // As callers give them: made anew for each reading.
  const options = () => ({ ...OPTIONS, nodeChecks: new Map(), heldClusters: new Set<string>() });
  const state = stateOf([placed('a', VIP, [nodePort(80)]), placed('b', '10.9.0.151', [nodePort(80)])]);
  const before = read(state, options());
  const changed = placed('a', VIP, [nodePort(80, { target: { kind: 'node-port', nodePort: 30_081, nodes: 'all' } })]);
  const loadBalancers = new Map(state.loadBalancers).set('a', changed);
  const after = read({ ...state, nodeSets: new Map(state.nodeSets), loadBalancers }, options());
  expect(after.vips).toBe(before.vips);
  expect(after.nodeChecks).toBe(before.nodeChecks);
  expect([...changesBetween(before, after).keys]).toEqual([`${VIP}|80`]);
});

/** With maps that can be compared. */
function plain(wanted: Wanted): Wanted {
  return { ...wanted, services: new Map(wanted.services), vips: new Map(wanted.vips) };
}

describe('for any load balancers that come, go and change', () => {
  const endpoint = (where: string, port: number) => ({ name: 'x', address: address(where), port, draining: false });
  const vip = fc.constantFrom('10.9.0.150', '10.9.0.151', '10.9.0.152', '10.9.0.153');
  const target = fc.oneof(
    fc.constant({ kind: 'node-port', nodePort: 30_080, nodes: 'all' } as const),
    fc.constant({ kind: 'node-port', nodePort: 30_080, nodes: ['node-2'] } as const),
    fc
      .constantFrom('10.0.0.5', '10.0.0.6', '10.9.0.151', '10.9.0.11')
      .map((where) => ({ kind: 'endpoints', endpoints: [endpoint(where, 8080)] }) as const),
  );
  const one = fc
    .record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), vip, port: fc.constantFrom(80, 81), target })
    .map(({ id, vip: where, port, target: to }) => placed(id, where, [nodePort(port, { target: to })]));
  const changes = fc.array(fc.oneof(one, fc.constantFrom('a', 'b', 'c', 'd', 'e')), { minLength: 1, maxLength: 3 });

  it('reading on gives what reading anew gives, and knows where it differs from before', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 12 }), (all) => {
        const read = createWantedReader();
        let state = stateOf([], nodeSet(THREE_NODES));
        let before = read(state, OPTIONS);
        for (const some of all) {
          const loadBalancers = new Map(state.loadBalancers);
          for (const each of some) {
            if (typeof each === 'string') loadBalancers.delete(each);
            else loadBalancers.set(each.loadBalancer.id, each);
          }
          state = { ...state, nodeSets: new Map(state.nodeSets), loadBalancers };
          const wanted = read(state, OPTIONS);
          expect(plain(wanted)).toEqual(wantedOf(state, OPTIONS));
          const { keys, vips } = changesBetween(before, wanted);
          for (const [key, service] of [...before.services, ...wanted.services]) {
            const same = before.services.get(key) === service && wanted.services.get(key) === service;
            expect(same || keys.has(key)).toBe(true);
          }
          for (const [key] of [...before.vips, ...wanted.vips]) {
            expect(before.vips.has(key) === wanted.vips.has(key) || vips.has(key)).toBe(true);
          }
          before = wanted;
        }
      }),
      { numRuns: 300 },
    );
  });
});
