import { describe, expect, it, test } from 'vitest';
import { judge, moved, without } from './judge.ts';
import { HEALTHY, inside, loadBalancer, service } from './observation.fixture.ts';
import type { LoadBalancerFacts, MachineInside, Observation, ServiceFacts, SiteFacts } from './observation.ts';

const site = (change: Partial<SiteFacts>): Observation => ({ ...HEALTHY, site: { ...HEALTHY.site, ...change } });
const a = (change: Partial<LoadBalancerFacts>): Observation =>
  site({ loadBalancers: [{ ...loadBalancer('uid-a', 1), ...change }, loadBalancer('uid-b', 2)] });
const serviceA = (change: Partial<ServiceFacts>): Observation => ({
  ...HEALTHY,
  services: [{ ...service('uid-a', 1), ...change }, service('uid-b', 2)],
});
const owner = (change: Partial<MachineInside>): Observation => ({
  ...HEALTHY,
  machines: HEALTHY.machines.map((machine, index) =>
    index === 0 && machine.inside !== undefined ? { ...machine, inside: { ...machine.inside, ...change } } : machine,
  ),
});
const said = (observation: Observation) => judge(observation).map(({ rule, sentence }) => `${rule}: ${sentence}`);
const ROUTES = inside([]).file;
const { '10.9.100.1:80': routeOfA, ...ROUTES_WITHOUT_A } = ROUTES;

test('of a site where all is as promised nothing is said, with Kubernetes or without', () => {
  expect(said(HEALTHY)).toEqual([]);
  const declared = HEALTHY.site.loadBalancers.map((each) => ({ ...each, namespace: '' }));
  expect(said({ ...site({ loadBalancers: declared }), services: undefined })).toEqual([]);
});

describe('addresses', () => {
  it.each<[string, Observation, string[]]>([
    [
      'held by two load balancers',
      a({ addresses: ['10.9.100.2'] }),
      ['held-twice: 10.9.100.2 is held by lab/default/a (uid-a) and by lab/default/b (uid-b).'],
    ],
    [
      'told to two Services',
      serviceA({ ingress: ['10.9.100.2'] }),
      ['held-twice: 10.9.100.2 is the address of Services default/a and default/b.'],
    ],
    [
      'stored for a load balancer that is gone',
      site({
        holdings: [...HEALTHY.site.holdings, { address: '10.9.100.9', id: 'uid-z', name: 'lab/default/z' }],
        pools: [{ name: 'default', total: 200, free: 197, held: 3, quarantined: 0, reserved: 0, sharing: 'namespace' }],
      }),
      ['leaked: 10.9.100.9 is stored as held by lab/default/z (uid-z), which is not there or has another address.'],
    ],
    [
      'said and not stored',
      site({
        holdings: HEALTHY.site.holdings.slice(1),
        pools: [{ name: 'default', total: 200, free: 199, held: 1, quarantined: 0, reserved: 0, sharing: 'namespace' }],
      }),
      ['lost: lab/default/a (uid-a) has 10.9.100.1, which the store does not know of.'],
    ],
    [
      'counted as held that are not',
      site({
        pools: [{ name: 'default', total: 200, free: 197, held: 3, quarantined: 0, reserved: 0, sharing: 'namespace' }],
      }),
      ['miscounted: The pools say that 3 addresses are held; stored are 2.'],
    ],
    [
      'counted as waiting that are not',
      site({
        pools: [{ name: 'default', total: 200, free: 197, held: 2, quarantined: 1, reserved: 0, sharing: 'namespace' }],
      }),
      ['miscounted: The pools say that 1 addresses wait to be free; stored are 0.'],
    ],
    [
      'waiting and not counted',
      site({ rests: [{ address: '10.9.100.9', until: HEALTHY.at + 60_000 }] }),
      ['miscounted: The pools say that 0 addresses wait to be free; stored are 1.'],
    ],
    [
      'that are in no count',
      site({
        pools: [{ name: 'default', total: 200, free: 190, held: 2, quarantined: 0, reserved: 0, sharing: 'namespace' }],
      }),
      ['miscounted: Pool default has 200 addresses, but 190 free, 2 held, 0 waiting and 0 reserved.'],
    ],
  ])('%s are told', (_what, observation, sentences) => {
    expect(said(observation)).toEqual(expect.arrayContaining(sentences));
  });

  it('that become free while one looks are counted either way', () => {
    const rests = [{ address: '10.9.100.9', until: HEALTHY.at + 1000 }];
    const counted: SiteFacts['pools'] = [
      { name: 'default', total: 200, free: 197, held: 2, quarantined: 1, reserved: 0, sharing: 'namespace' },
    ];
    expect(said(site({ rests }))).toEqual([]);
    expect(said(site({ rests, pools: counted }))).toEqual([]);
  });
});

describe('a Service', () => {
  it.each<[string, Observation, string[]]>([
    [
      'that says another address than is held for it',
      serviceA({ ingress: ['10.9.100.7'] }),
      ['not-told: Service default/a says 10.9.100.7; held for it is 10.9.100.1.'],
    ],
    [
      'that says none',
      serviceA({ ingress: [] }),
      ['not-told: Service default/a says no address; held for it is 10.9.100.1.'],
    ],
    [
      'that says that it is not served',
      serviceA({ conditions: { Accepted: 'True', Programmed: 'False' } }),
      ['not-told: Service default/a with 10.9.100.1 says that Programmed is False.'],
    ],
    [
      'without our finalizer',
      serviceA({ hasFinalizer: false }),
      ['not-told: Service default/a with 10.9.100.1 has not our finalizer.'],
    ],
    [
      'with other ports than are served',
      serviceA({ ports: [80, 81] }),
      ['not-told: Service default/a with 10.9.100.1 asks for ports 80, 81; the cloudagent has 80.'],
    ],
    [
      'with other node ports than are served',
      serviceA({ nodePorts: [30009] }),
      ['not-told: Service default/a with 10.9.100.1 has node ports 30009; its backends have 30001.'],
    ],
    [
      'that the cloudagent does not know',
      { ...HEALTHY, services: [...HEALTHY.services!, service('uid-c', 3)] },
      ['lost: Service default/uid-c (uid-c) says 10.9.100.3 and is unknown to the cloudagent.'],
    ],
    [
      'that is gone while its load balancer is not',
      { ...HEALTHY, services: [service('uid-b', 2)] },
      ['leaked: lab/default/a (uid-a) is held with 10.9.100.1, but there is no such Service.'],
    ],
    [
      'that is deleted and kept by our finalizer',
      serviceA({ deleting: true }),
      [
        'not-finished: Service default/a waits to be deleted.',
        'leaked: lab/default/a (uid-a) is held with 10.9.100.1, but there is no such Service.',
      ],
    ],
    [
      'that is no load balancer any more and looks like one',
      serviceA({ isLoadBalancer: false, conditions: { Accepted: 'True' } }),
      [
        'not-finished: Service default/a is not ours and has our finalizer and address 10.9.100.1 and conditions Accepted.',
        'leaked: lab/default/a (uid-a) is held with 10.9.100.1, but there is no such Service.',
      ],
    ],
    [
      'whose load balancer waits',
      a({ state: 'PENDING', message: 'no machine is connected' }),
      ['not-finished: lab/default/a is not served yet: no machine is connected.'],
    ],
    [
      'that is refused and says an address that it does not hold',
      {
        ...HEALTHY,
        services: [...HEALTHY.services!, { ...service('uid-c', 3), conditions: { Accepted: 'False' } }],
      },
      ['not-told: Service default/uid-c is refused and says 10.9.100.3, which it does not hold.'],
    ],
  ])('%s is told', (_what, observation, sentences) => {
    expect(said(observation)).toEqual(sentences);
  });

  it('that is refused, says so and has no address is as it should be', () => {
    const refused = { ...service('uid-c', 3), ingress: [], conditions: { Accepted: 'False' }, hasFinalizer: false };
    expect(said({ ...HEALTHY, services: [...HEALTHY.services!, refused] })).toEqual([]);
  });

  it('that is deleted and kept by somebody else alone is none of ours', () => {
    const other = { ...service('uid-c', 3), deleting: true, hasFinalizer: false, ingress: [] };
    expect(said({ ...HEALTHY, services: [...HEALTHY.services!, other] })).toEqual([]);
  });

  it.each<[string, Observation['answers'], string[]]>([
    [
      'refuses connections',
      [{ address: '10.9.100.1', port: 80, failure: 'ECONNREFUSED' }],
      ['no-answer: lab/default/a does not answer at 10.9.100.1:80: ECONNREFUSED.'],
    ],
    [
      'leads to the Pods of another',
      [{ address: '10.9.100.1', port: 80, by: 'other-1' }],
      ['no-answer: lab/default/a at 10.9.100.1:80 is answered by other-1, which is none of its Pods (web).'],
    ],
    ['was not asked', [], ['no-answer: lab/default/a does not answer at 10.9.100.1:80: nobody asked.']],
  ])('that %s is told', (_what, answers, sentences) => {
    expect(said({ ...HEALTHY, answers: [...answers, HEALTHY.answers[1]!] })).toEqual(sentences);
  });
});

describe('an LB machine', () => {
  it.each<[string, Observation, string[]]>([
    [
      'whose haproxy.cfg lacks a Service',
      owner({ file: ROUTES_WITHOUT_A }),
      ['not-rendered: lab/default/a at 10.9.100.1:80 is not in haproxy.cfg on lb-1.'],
    ],
    [
      'whose running HAProxy lacks a Service',
      owner({ running: ROUTES_WITHOUT_A }),
      ['not-rendered: lab/default/a at 10.9.100.1:80 is not in the running HAProxy on lb-1.'],
    ],
    ['whose HAProxy is dead', owner({ running: undefined }), ['not-rendered: HAProxy on lb-1 does not answer.']],
    [
      'that sends connections elsewhere',
      owner({ running: { ...ROUTES, '10.9.100.1:80': [routeOfA![0]!] } }),
      [
        'not-rendered: lab/default/a at 10.9.100.1:80 has servers 10.9.2.1:30001 in the running HAProxy on lb-1; its backends are 10.9.2.1:30001, 10.9.2.2:30001.',
      ],
    ],
    [
      'that renders what nobody asked for',
      owner({ file: { ...ROUTES, '10.9.100.9:80': [] } }),
      ['nobody-asked: 10.9.100.9:80 is in haproxy.cfg on lb-1, and nobody asked for it.'],
    ],
    [
      'that does not catch a Service',
      owner({ caught: ['10.9.100.2:80'] }),
      ['not-in-kernel: lab/default/a at 10.9.100.1:80 is not caught by nftables on lb-1.'],
    ],
    [
      'that catches what nobody asked for',
      owner({ caught: [...Object.keys(ROUTES), '10.9.100.9:80'] }),
      ['nobody-asked: 10.9.100.9:80 is caught by nftables on lb-1, and nobody asked for it.'],
    ],
    [
      'that has an address of nobody on its link',
      owner({ addresses: ['10.9.1.1', '10.9.1.29', '10.9.100.1', '10.9.100.2', '10.9.100.9'] }),
      ['nobody-asked: 10.9.100.9 is on a link of lb-1, and nobody asked for it.'],
    ],
    [
      'that lost an address and the anchor',
      owner({ addresses: ['10.9.1.1', '10.9.100.2'] }),
      [
        'not-one-owner: 10.9.1.29 of the anchor is on no machine.',
        'not-one-owner: 10.9.100.1 of lab/default/a is on no machine.',
      ],
    ],
    [
      'without a connection',
      site({ machines: [{ name: 'lb-1', connected: false, problem: 'refused', lag: 0 }, HEALTHY.site.machines[1]!] }),
      ['not-connected: lb-1 has no connection with the cloudagent: refused.'],
    ],
    [
      'that lags',
      site({ machines: [{ name: 'lb-1', connected: true, problem: '', lag: 3 }, HEALTHY.site.machines[1]!] }),
      ['not-connected: lb-1 is 3 generations behind.'],
    ],
  ])('%s is told', (_what, observation, sentences) => {
    expect(said(observation)).toEqual(sentences);
  });

  it('that has an address which another has too is told with it', () => {
    const [one, other] = HEALTHY.machines;
    const both = [one!, { ...other!, inside: inside(['10.9.1.2', '10.9.100.1']) }];
    expect(said({ ...HEALTHY, machines: both })).toEqual([
      'not-one-owner: 10.9.100.1 of lab/default/a is on lb-1 and lb-2.',
    ]);
  });

  it('that is away is expected nothing of, and is told when it was not meant to be', () => {
    const away: Observation = {
      ...HEALTHY,
      machines: [HEALTHY.machines[0]!, { ...HEALTHY.machines[1]!, inside: undefined }],
    };
    expect(said(without(['lb-2'], away))).toEqual([]);
    expect(said(away)).toEqual(['not-connected: lb-2 could not be asked what it serves.']);
  });

  it('may go on serving what a wish that is refused had before, or leave it', () => {
    const refused = a({ state: 'REFUSED', message: 'no' });
    expect(said({ ...refused, services: undefined, answers: [] })).toEqual([
      'no-answer: lab/default/b does not answer at 10.9.100.2:80: nobody asked.',
    ]);
    const left = owner({ file: ROUTES_WITHOUT_A, running: ROUTES_WITHOUT_A });
    expect(said({ ...left, site: refused.site, services: undefined })).toEqual([]);
  });
});

describe('moved', () => {
  it('tells the Services that have another address or none now', () => {
    expect(moved(HEALTHY, HEALTHY)).toEqual([]);
    expect(moved(HEALTHY, serviceA({ ingress: ['10.9.100.7'] }))).toEqual([
      'default/a had 10.9.100.1 and has 10.9.100.7 now.',
    ]);
    expect(moved(HEALTHY, serviceA({ ingress: [] }))).toEqual(['default/a had 10.9.100.1 and has no address now.']);
  });

  it('does not mind Services that are new, are gone, or were made again under their name', () => {
    expect(moved(HEALTHY, serviceA({ uid: 'uid-c', ingress: ['10.9.100.7'] }))).toEqual([]);
    expect(moved(serviceA({ ingress: [] }), HEALTHY)).toEqual([]);
  });

  it('looks at load balancers where there are no Services', () => {
    const before = { ...HEALTHY, services: undefined };
    const after = { ...a({ addresses: ['10.9.100.7'] }), services: undefined };
    expect(moved(before, after)).toEqual(['lab/default/a had 10.9.100.1 and has 10.9.100.7 now.']);
  });
});
