import { expect, it, test } from 'vitest';
import { judge } from './judge.ts';
import { HEALTHY, inside, loadBalancer, service } from './observation.fixture.ts';
import type { HoldingFacts, LoadBalancerFacts, Observation, ServiceFacts } from './observation.ts';
import { readServices } from './read-services.ts';
import { readSite } from './read-site.ts';

interface Change {
  readonly balancer?: Partial<LoadBalancerFacts>;
  readonly holding?: Partial<HoldingFacts>;
  readonly service?: Partial<ServiceFacts>;
  readonly sharing?: 'namespace' | 'cluster';
}

const ROUTES = {
  '10.9.100.1:80': ['10.9.2.1:30001', '10.9.2.2:30001'],
  '10.9.100.1:81': ['10.9.2.1:30002', '10.9.2.2:30002'],
};
const SECOND = { ports: [81], claims: ['TCP/81'] };

/** Services a and b share an address, each on a port of its own; `change` is about b. */
function shared(change: Change = {}): Observation {
  const { site, machines } = HEALTHY;
  const key = { sharingKey: 'mail' };
  const both = inside(['10.9.1.1', '10.9.1.29', '10.9.100.1']);
  const of = ({ addresses }: { addresses: readonly string[] }) => {
    return { ...both, addresses, caught: Object.keys(ROUTES), file: ROUTES, running: ROUTES };
  };
  return {
    ...HEALTHY,
    site: {
      ...site,
      loadBalancers: [
        loadBalancer('uid-a', 1),
        { ...loadBalancer('uid-b', 2), addresses: ['10.9.100.1'], ...SECOND, ...change.balancer },
      ],
      pools: [
        { ...site.pools[0]!, free: 199, held: 1, ...(change.sharing === undefined ? {} : { sharing: change.sharing }) },
      ],
      holdings: [
        { address: '10.9.100.1', id: 'uid-a', name: 'lab/default/a', ...key },
        { address: '10.9.100.1', id: 'uid-b', name: 'lab/default/b', ...key, ...change.holding },
      ],
    },
    services: [
      { ...service('uid-a', 1), ...key },
      { ...service('uid-b', 2), ingress: ['10.9.100.1'], ...SECOND, ...key, ...change.service },
    ],
    machines: [
      { ...machines[0]!, inside: of(both) },
      { ...machines[1]!, inside: of({ addresses: ['10.9.1.2'] }) },
    ],
    answers: [80, 81].map((port) => ({ address: '10.9.100.1', port, by: 'web-1' })),
  };
}
const said = (observation: Observation) => judge(observation).map(({ rule, sentence }) => `${rule}: ${sentence}`);

test('of an address that is shared as it should be nothing is said', () => {
  expect(said(shared())).toEqual([]);
});

const { sharingKey: _, ...withoutKey } = { address: '10.9.100.1', id: 'uid-b', name: 'lab/default/b', sharingKey: '' };

it.each<[string, Observation, string[]]>([
  [
    'where the store has another key',
    shared({ holding: { sharingKey: 'web' } }),
    [
      'held-twice: 10.9.100.1 is held by lab/default/a (uid-a) and by lab/default/b (uid-b), who have different sharing keys.',
    ],
  ],
  [
    'where the store has none',
    {
      ...shared(),
      site: { ...shared().site, holdings: [shared().site.holdings[0]!, withoutKey] },
    },
    ['held-twice: 10.9.100.1 is held by lab/default/a (uid-a) and by lab/default/b (uid-b).'],
  ],
  [
    'where a Service asks for another key than the one it shares with',
    shared({ service: { sharingKey: 'web' } }),
    ['held-twice: 10.9.100.1 is the address of Services default/a and default/b, who have different sharing keys.'],
  ],
  [
    'by load balancers of two clusters',
    shared({ balancer: { cluster: 'other' } }),
    [
      'held-twice: 10.9.100.1 is held by lab/default/a (uid-a) and by lab/default/b (uid-b), who are of different clusters.',
    ],
  ],
  [
    'across namespaces that the pool does not allow',
    shared({ balancer: { namespace: 'mail' } }),
    [
      'held-twice: 10.9.100.1 is held by lab/default/a (uid-a) and by lab/default/b (uid-b), who are of different namespaces.',
    ],
  ],
  [
    'with one port of both',
    shared({ balancer: { claims: ['TCP/81', 'TCP/80'] } }),
    ['held-twice: 10.9.100.1 is held by lab/default/a (uid-a) and by lab/default/b (uid-b), who both have TCP/80.'],
  ],
])('an address that is shared %s is told', (_what, observation, sentences) => {
  expect(said(observation)).toEqual(sentences);
});

it('one port number may be had by two of different protocols, and a pool may let namespaces share', () => {
  expect(said(shared({ balancer: { claims: ['UDP/80', 'TCP/81'] } }))).toEqual([]);
  expect(said(shared({ balancer: { namespace: 'mail' }, sharing: 'cluster' }))).toEqual([]);
});

it('those who share an address, and the rule of its pool, are read as they are stored and asked for', () => {
  const holder = (id: string) => ({ id, cluster: 'lab', namespace: 'default', name: id });
  const share = (port: number) => ({ key: 'mail', ports: [`TCP/${port}`] });
  const stored = ['a', 'b'].map((id, index) => {
    return { address: '10.9.100.1', holder: holder(id), since: 1, share: share(80 + index) };
  });
  const alone = { address: '10.9.100.2', holder: holder('c'), since: 1 };
  const site = readSite({
    show: JSON.stringify({ loadBalancers: [{ ports: ['53/UDP', '80/TCP'] }] }),
    pools: JSON.stringify({ items: [{ metadata: { name: 'default' }, spec: { sharing: 'cluster' } }] }),
    sets: JSON.stringify({ items: [] }),
    stored: { holdings: [JSON.stringify(stored), JSON.stringify(alone)], rests: [] },
  });
  expect(site.holdings).toEqual([
    { address: '10.9.100.1', id: 'a', name: 'lab/default/a', sharingKey: 'mail' },
    { address: '10.9.100.1', id: 'b', name: 'lab/default/b', sharingKey: 'mail' },
    { address: '10.9.100.2', id: 'c', name: 'lab/default/c' },
  ]);
  expect(site.pools[0]!.sharing).toBe('cluster');
  expect(site.loadBalancers[0]!.claims).toEqual(['UDP/53', 'TCP/80']);
  const metadata = { namespace: 'default', name: 'a', uid: 'a', annotations: { 'fairlead.dev/sharing-key': 'mail' } };
  const spec = { ports: [{ port: 53, protocol: 'UDP' }, { port: 80 }] };
  expect(readServices(JSON.stringify({ items: [{ metadata, spec }] }))[0]).toMatchObject({
    claims: ['UDP/53', 'TCP/80'],
    sharingKey: 'mail',
  });
});
