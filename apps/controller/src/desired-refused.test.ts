import { expect, it } from 'vitest';
import { annotated, ask } from './testing/asking.ts';
import { HTTP, type ServiceParts } from './testing/objects.ts';

const LOCAL = { externalTrafficPolicy: 'Local' };

it.each<[string, ServiceParts, string, string]>([
  ['SCTP', { spec: { ports: [{ ...HTTP, protocol: 'SCTP' }] } }, 'PROTOCOL_NOT_SERVED', 'spec.ports[0].protocol'],
  [
    'a protocol that reads like one',
    { spec: { ports: [HTTP, { ...HTTP, protocol: 'UDP\n' }] } },
    'PROTOCOL_NOT_SERVED',
    'spec.ports[1].protocol',
  ],
  [
    'a port twice',
    { spec: { ports: [HTTP, { ...HTTP, name: 'b', protocol: 'TCP' }] } },
    'DUPLICATE_PORT',
    'spec.ports[1]',
  ],
  ['no port', { spec: { ports: [] } }, 'NO_PORTS', 'spec.ports'],
  ['no node port', { spec: { ports: [{ port: 80 }] } }, 'NODE_PORT_MISSING', 'spec.ports[0].nodePort'],
  ['an affinity to come', { spec: { sessionAffinity: 'Sticky' } }, 'AFFINITY_NOT_SERVED', 'spec.sessionAffinity'],
  ['a family that is none', { spec: { ipFamilies: ['IPv5'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a family named like a property', { spec: { ipFamilies: ['valueOf'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a family twice', { spec: { ipFamilies: ['IPv6', 'IPv6'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a policy to come', { spec: { ipFamilyPolicy: 'AnyStack' } }, 'INVALID_FAMILIES', 'spec.ipFamilyPolicy'],
  [
    'dual stack that the API server did not resolve',
    { spec: { ipFamilyPolicy: 'RequireDualStack' } },
    'INVALID_FAMILIES',
    'spec.ipFamilyPolicy',
  ],
  [
    'no node port, where node ports are wanted after all',
    {
      metadata: { annotations: { 'fairlead.dev/backend-mode': 'node-port' } },
      spec: { allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] },
    },
    'NODE_PORT_MISSING',
    'spec.ports[0].nodePort',
  ],
  [
    'a backend mode that there is not',
    annotated('fairlead.dev/backend-mode', 'Pod'),
    'INVALID_ANNOTATION',
    'metadata.annotations[fairlead.dev/backend-mode]',
  ],
  [
    'a policy to come',
    { spec: { externalTrafficPolicy: 'Zone' } },
    'TRAFFIC_POLICY_NOT_SERVED',
    'spec.externalTrafficPolicy',
  ],
  ['Local without its port', { spec: LOCAL }, 'HEALTH_CHECK_NODE_PORT_MISSING', 'spec.healthCheckNodePort'],
  [
    'an address of the other family',
    { spec: { loadBalancerIP: 'fd00::1' } },
    'ADDRESS_FAMILY_MISMATCH',
    'spec.loadBalancerIP',
  ],
  [
    'an address with leading zeros',
    { spec: { loadBalancerIP: '010.0.0.1' } },
    'INVALID_ADDRESS',
    'spec.loadBalancerIP',
  ],
  ['a range as an address', { spec: { loadBalancerIP: '10.0.0.1/24' } }, 'INVALID_ADDRESS', 'spec.loadBalancerIP'],
  ['a loopback address', { spec: { loadBalancerIP: '127.0.0.1' } }, 'INVALID_ADDRESS', 'spec.loadBalancerIP'],
  [
    'an address with a line break',
    { spec: { loadBalancerIP: '10.0.0.1\n' } },
    'INVALID_ADDRESS',
    'spec.loadBalancerIP',
  ],
  [
    'an empty address annotation',
    annotated('fairlead.dev/ip', ''),
    'INVALID_ADDRESS',
    'metadata.annotations[fairlead.dev/ip]',
  ],
  [
    'two addresses of one family',
    annotated('fairlead.dev/ip', '10.0.0.1,10.0.0.2'),
    'ADDRESS_CONFLICT',
    'metadata.annotations[fairlead.dev/ip]',
  ],
  [
    'a pool of bad form',
    annotated('fairlead.dev/pool', 'a\nb'),
    'INVALID_POOL',
    'metadata.annotations[fairlead.dev/pool]',
  ],
  [
    'a slip in an annotation',
    annotated('fairlead.dev/pol', 'x'),
    'UNKNOWN_ANNOTATION',
    'metadata.annotations[fairlead.dev/pol]',
  ],
  [
    'an annotation named like a property',
    annotated('fairlead.dev/constructor', 'x'),
    'UNKNOWN_ANNOTATION',
    'metadata.annotations[fairlead.dev/constructor]',
  ],
])('refuses %s, naming the field', (_name, parts, reason, field) => {
  const wish = ask(parts);
  if (wish.kind !== 'refused') throw new Error(`not refused: ${wish.kind}`);
  expect(wish.refusals).toMatchObject([{ reason, field }]);
  expect(wish.refusals[0]!.message).toMatch(/^[^\n]*: .+\.$|^[^\n]*: .+\?$/);
});

it('asks what was meant by an annotation that nearly is one of ours', () => {
  const wish = ask(annotated('fairlead.dev/prixy-protocol', 'v2'));
  expect(wish).toMatchObject({
    refusals: [{ message: expect.stringContaining('did you mean fairlead.dev/proxy-protocol?') }],
  });
});

it('names all that is wrong at once, in the order of the fields', () => {
  const wish = ask({
    metadata: { annotations: { 'fairlead.dev/zzz': '' } },
    spec: { sessionAffinity: 'Sticky', loadBalancerIP: 'x', ports: [{ ...HTTP, protocol: 'SCTP' }] },
  });
  expect(wish).toMatchObject({
    refusals: [
      { reason: 'PROTOCOL_NOT_SERVED' },
      { reason: 'INVALID_ADDRESS' },
      { reason: 'AFFINITY_NOT_SERVED' },
      { reason: 'UNKNOWN_ANNOTATION' },
    ],
  });
});
