import { refusal } from '@fairlead/model';
import { expect, it } from 'vitest';
import { announceChange, announceEnsured, type Announcement } from './announce.ts';
import type { NodeObject } from '../cluster/objects.ts';
import type { Desired } from '../desired.ts';
import { desired } from '../desired.ts';
import type { Ensured } from '../session.ts';
import type { Served, Verdict } from '../status.ts';
import { statusChange } from '../status.ts';
import { VIP } from '../testing/fake-cloudagent.ts';
import { HTTP, node, service, type ServiceParts, slice } from '../testing/objects.ts';

function wish(
  parts: ServiceParts,
  readyNodes: readonly string[] = [],
): Extract<Desired, { kind: 'wanted' }>['loadBalancer'] {
  const slices = [slice(...readyNodes.map((name) => [name, 'ready'] as const))];
  const wanted = desired(service(parts), { cluster: 'prod', defaultClass: false, namespaceLabels: {}, slices });
  if (wanted.kind !== 'wanted') throw new Error('not wanted');
  return wanted.loadBalancer;
}

const ENSURED: Ensured = {
  outcome: { kind: 'ensured', addresses: [VIP] },
  sent: true,
  before: undefined,
  since: 0,
  retryMs: undefined,
};
const LOCAL: ServiceParts = { spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } };
const PUBLISHED: ServiceParts = { status: { ingress: [{ ip: VIP, ipMode: 'Proxy' }] } };

const reasons = (said: readonly Announcement[]): string[] => said.map(({ type, reason }) => `${type} ${reason}`);

it.each<[string, ServiceParts, Partial<Ensured> & { nodes?: NodeObject[] }, string[]]>([
  ['a new Service', {}, {}, ['Normal EnsuringLoadBalancer']],
  ['nothing new', {}, { sent: false }, []],
  ['a Service that a restarted controller finds served', PUBLISHED, {}, []],
  [
    'a change',
    PUBLISHED,
    { before: wish({ spec: { ports: [{ ...HTTP, port: 81 }] } }) },
    ['Normal UpdatedLoadBalancer'],
  ],
  ['policy Local', LOCAL, {}, ['Normal EnsuringLoadBalancer', 'Normal ClientAddressHidden']],
  [
    'policy Local with PROXY protocol',
    { ...LOCAL, metadata: { annotations: { 'fairlead.dev/proxy-protocol': 'v2' } } },
    {},
    ['Normal EnsuringLoadBalancer'],
  ],
  [
    'affinity through node ports',
    { spec: { sessionAffinity: 'ClientIP' } },
    {},
    ['Normal EnsuringLoadBalancer', 'Normal ClientsPinned'],
  ],
  ['pods that became ready, with policy Cluster', PUBLISHED, { before: { ...wish({}), expectsAnswer: true } }, []],
  ['pods that moved', { ...LOCAL, ...PUBLISHED }, { before: wish(LOCAL, ['a']) }, []],
  ['no node at all', {}, { nodes: [] }, ['Normal EnsuringLoadBalancer', 'Warning UnAvailableLoadBalancer']],
  [
    'excluded nodes only',
    {},
    { nodes: [node({ excludeLabel: '' })] },
    ['Normal EnsuringLoadBalancer', 'Warning UnAvailableLoadBalancer'],
  ],
])('says what is to be said of %s', (_name, parts, { nodes = [node()], ...more }, expected) => {
  expect(reasons(announceEnsured(service(parts), wish(parts), { ...ENSURED, ...more }, nodes))).toEqual(expected);
});

const SERVED: Served = { addresses: [VIP], state: 'serving', message: '', lost: false };

it.each<[string, Verdict, string[]]>([
  ['an address', { kind: 'wanted', served: SERVED }, ['Normal EnsuredLoadBalancer']],
  ['waiting', { kind: 'wanted', served: { ...SERVED, state: 'pending' } }, []],
  [
    'waiting until a person acts',
    { kind: 'wanted', served: { ...SERVED, state: 'pending', reason: 'OWNER_UNREACHABLE', message: 'x' } },
    ['Warning SyncLoadBalancerFailed'],
  ],
  [
    'a wish that is not served',
    { kind: 'refused', refusals: [refusal('X', '', 'x')] },
    ['Warning SyncLoadBalancerFailed'],
  ],
  [
    'no address',
    {
      kind: 'wanted',
      served: { ...SERVED, addresses: [], state: 'refused', refusal: refusal('POOL_EXHAUSTED', '', 'x') },
    },
    ['Warning AllocationFailed'],
  ],
  [
    'an address of one family where two are preferred',
    { kind: 'wanted', served: { ...SERVED, lacking: refusal('NO_POOL', '', 'x') } },
    ['Warning AllocationFailed', 'Normal EnsuredLoadBalancer'],
  ],
  [
    'a machine’s refusal',
    { kind: 'wanted', served: { ...SERVED, state: 'refused', refusal: refusal('BIND_FAILED', '', 'x') } },
    ['Warning SyncLoadBalancerFailed'],
  ],
])('tells by an event, as describe does not print conditions: %s', (_name, verdict, expected) => {
  const before = service();
  const change = statusChange(before, verdict, '2026-01-01T00:00:00Z')!;
  expect(reasons(announceChange(before, change, false))).toEqual(expected);
});

it('advises the PROXY protocol to those who hide clients of TCP, and not for UDP', () => {
  const said = (...protocols: string[]): string => {
    const parts = { spec: { ...LOCAL.spec, ports: protocols.map((protocol) => ({ ...HTTP, protocol })) } };
    const told = announceEnsured(service(parts), wish(parts), ENSURED, [node()]);
    return told.find(({ reason }) => reason === 'ClientAddressHidden')!.message;
  };
  expect(said('TCP', 'UDP')).toContain('fairlead.dev/proxy-protocol');
  expect(said('UDP')).toMatch(/forwards UDP in its own name/);
});

it('tells a second wish that cannot be served apart from the first', () => {
  const about = (message: string): string[] => {
    const verdict = { kind: 'refused', refusals: [refusal('INVALID_ANNOTATION', 'x', message)] } as const;
    const change = statusChange(service(), verdict, '2026-01-01T00:00:00Z')!;
    return announceChange(service(), change, false).map((each) => each.about);
  };
  expect(about('x: one')).toEqual(about('x: one'));
  expect(about('x: one')).not.toEqual(about('x: two'));
});

it('warns when machines are lost, and when a status was forged', () => {
  const before = service(PUBLISHED);
  const change = statusChange(before, { kind: 'wanted', served: { ...SERVED, lost: true } }, '2026-01-01T00:00:00Z')!;
  expect(reasons(announceChange(before, change, true))).toEqual([
    'Warning UnAvailableLoadBalancer',
    'Warning StatusCorrected',
  ]);
});
