import { address, refusal } from '@fairlead/model';
import { expect, it } from 'vitest';
import type { Condition, Ingress, ServiceObject } from './cluster/objects.ts';
import type { Served, StatusChange, Verdict } from './status.ts';
import { camelCase, clip, ingressText, statusChange } from './status.ts';
import { HTTP, service } from './testing/objects.ts';

const NOW = '2026-01-01T00:00:00Z';
const VIP = address('10.0.0.150');
const SERVING: Served = { addresses: [VIP], state: 'serving', message: '', lost: false };
const PENDING: Served = { ...SERVING, state: 'pending' };
const ENTRY: Ingress = { ip: VIP, ipMode: 'Proxy', ports: [{ port: 80, protocol: 'TCP' }] };

function wanted(served: Served): Verdict {
  return { kind: 'wanted', served };
}

/** The Service after the change, as the API server would store it. */
function applied(before: ServiceObject, change: StatusChange | undefined): ServiceObject {
  if (change === undefined) return before;
  const touched = new Set([...change.setConditions.map(({ type }) => type), ...change.removeConditions]);
  const conditions = [...before.status.conditions.filter(({ type }) => !touched.has(type)), ...change.setConditions];
  return { ...before, status: { ingress: change.ingress ?? before.status.ingress, conditions } };
}

function after(verdict: Verdict, before = service()): ServiceObject {
  return applied(before, statusChange(before, verdict, NOW));
}

function words(object: ServiceObject): string[] {
  return object.status.conditions.map(({ type, status, reason }) => `${type.split('/')[1]} ${status} ${reason}`).sort();
}

it.each<[string, Verdict, readonly Ingress[], string[]]>([
  [
    'serving',
    wanted(SERVING),
    [ENTRY],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed True Serving'],
  ],
  [
    'pending with an address',
    wanted(PENDING),
    [],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed False Pending'],
  ],
  [
    'pending until a person acts',
    wanted({ ...PENDING, reason: 'OWNER_UNREACHABLE', message: 'lb-1 cannot be told' }),
    [],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed False OwnerUnreachable'],
  ],
  [
    'serving as it was before its last change',
    wanted({ ...SERVING, reason: 'OWNER_UNREACHABLE', message: 'lb-1 cannot be told' }),
    [ENTRY],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed False OwnerUnreachable'],
  ],
  [
    'serving at an address of one family, where another is lacking',
    wanted({ ...SERVING, lacking: refusal('NO_POOL', '', 'no free IPv6 address') }),
    [ENTRY],
    ['Accepted True Accepted', 'AddressAllocated True PartlyAllocated', 'Programmed True Serving'],
  ],
  [
    'serving without one of its backends',
    wanted({ ...SERVING, leftOut: refusal('BACKEND_REFUSED', '', 'backend p is left out: it is a machine') }),
    [ENTRY],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed True BackendLeftOut'],
  ],
  [
    'refused a way to its pods',
    wanted({ ...PENDING, addresses: [], state: 'refused', refusal: refusal('POD_MODE_NOT_ROUTED', 'x', 'no way') }),
    [],
    ['Accepted False PodModeNotRouted', 'AddressAllocated False Pending', 'Programmed False NoAddress'],
  ],
  [
    'pending without one',
    wanted({ ...PENDING, addresses: [] }),
    [],
    ['Accepted True Accepted', 'AddressAllocated False Pending', 'Programmed False NoAddress'],
  ],
  [
    'refused an address',
    wanted({ ...PENDING, addresses: [], state: 'refused', refusal: refusal('POOL_EXHAUSTED', '', 'full') }),
    [],
    ['Accepted True Accepted', 'AddressAllocated False PoolExhausted', 'Programmed False NoAddress'],
  ],
  [
    'refused by a machine',
    wanted({ ...PENDING, state: 'refused', refusal: refusal('BIND_FAILED', '', 'no') }),
    [],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed False BindFailed'],
  ],
  [
    'serving, with no machine to be seen for long',
    wanted({ ...SERVING, lost: true }),
    [ENTRY],
    ['Accepted True Accepted', 'AddressAllocated True Allocated', 'Programmed Unknown MachinesUnreachable'],
  ],
  [
    'not accepted',
    { kind: 'refused', refusals: [refusal('AFFINITY_NOT_SERVED', 'spec.sessionAffinity', 'not served')] },
    [],
    ['Accepted False AffinityNotServed'],
  ],
  [
    'not accepted while an earlier wish is served',
    { kind: 'refused', refusals: [refusal('AFFINITY_NOT_SERVED', '', 'not served')], served: SERVING },
    [ENTRY],
    ['Accepted False AffinityNotServed', 'AddressAllocated True Allocated', 'Programmed True Serving'],
  ],
  ['released', { kind: 'released', held: true }, [], []],
])('tells of a Service that is %s', (_name, verdict, ingress, conditions) => {
  const told = after(verdict);
  expect(told.status.ingress).toEqual(ingress);
  expect(words(told)).toEqual(conditions);
  // Telling again, there is nothing to write.
  expect(statusChange(told, verdict, '2027-01-01T00:00:00Z')).toBeUndefined();
});

it('keeps a published address while machines are in trouble', () => {
  const published = after(wanted(SERVING));
  for (const state of ['pending', 'refused'] as const) {
    expect(after(wanted({ ...PENDING, state, refusal: refusal('X', '', 'x') }), published).status.ingress).toEqual([
      ENTRY,
    ]);
  }
});

it('says that the address it has is served while another that it asked for is refused', () => {
  const published = after(wanted(SERVING));
  const refused = wanted({ ...PENDING, state: 'refused', refusal: refusal('ADDRESS_HELD', 'x', 'held by other') });
  expect(words(after(refused, published))).toEqual([
    'Accepted True Accepted',
    'AddressAllocated False AddressHeld',
    'Programmed True Serving',
  ]);
});

it('withdraws an address that is held no more', () => {
  const published = after(wanted(SERVING));
  expect(after(wanted({ ...PENDING, addresses: [address('10.0.0.151')] }), published).status.ingress).toEqual([]);
});

it.each<[string, Ingress]>([
  ['another address', { ip: '10.6.6.6' }],
  ['its address without the mode', { ...ENTRY, ipMode: 'VIP' }],
  ['a host name', { hostname: 'evil.example' }],
  ['other ports', { ...ENTRY, ports: [] }],
])('corrects what somebody else wrote: %s', (_name, entry) => {
  const forged = service({ status: { ingress: [entry] } });
  expect(after(wanted(SERVING), forged).status.ingress).toEqual([ENTRY]);
});

it('does not believe an address that somebody wrote before there is one', () => {
  const forged = service({ status: { ingress: [ENTRY] } });
  expect(after(wanted({ ...PENDING, addresses: [] }), forged).status.ingress).toEqual([]);
});

it('sees no difference in what the API server fills in', () => {
  expect(ingressText([{ ip: VIP }])).toBe(ingressText([{ ip: VIP, ipMode: 'VIP', ports: [] }]));
  expect(ingressText([{ ip: VIP }])).not.toBe(ingressText([ENTRY]));
});

it('follows the ports of the Service, and names the error of the one that is not served', () => {
  const two = service({ spec: { ports: [HTTP, { name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_053 }] } });
  const refusals = [refusal('PROTOCOL_NOT_SERVED', 'spec.ports[1].protocol', 'no')];
  expect(after({ kind: 'refused', refusals, served: SERVING }, two).status.ingress[0]!.ports).toEqual([
    { port: 80, protocol: 'TCP' },
    { port: 53, protocol: 'UDP', error: 'fairlead.dev/ProtocolNotServed' },
  ]);
});

it('does not write for a message that only counts, but for one about the wish', () => {
  const held = (message: string, field: string): Verdict =>
    wanted({ ...PENDING, addresses: [], state: 'refused', refusal: refusal('ADDRESS_HELD', field, message) });
  const told = after(held('held by a', 'wantedAddresses'));
  expect(statusChange(told, held('held by b', 'wantedAddresses'), NOW)).toBeDefined();
  expect(statusChange(after(held('51 held', '')), held('52 held', ''), NOW)).toBeUndefined();
  expect(
    statusChange(after(wanted({ ...PENDING, message: '1 of 2' })), wanted({ ...PENDING, message: '2 of 2' }), NOW),
  ).toBeUndefined();
});

it('moves the transition time with the status only', () => {
  const old = '2020-01-01T00:00:00Z';
  const before: Condition = {
    type: 'fairlead.dev/Programmed',
    status: 'False',
    reason: 'Pending',
    message: '',
    lastTransitionTime: old,
  };
  const waiting = service({ status: { conditions: [before] } });
  const times = (verdict: Verdict): unknown =>
    after(verdict, waiting).status.conditions.find(({ type }) => type === before.type)!.lastTransitionTime;
  expect(times(wanted({ ...PENDING, addresses: [] }))).toBe(old);
  expect(times(wanted(SERVING))).toBe(NOW);
});

it('leaves conditions and addresses of others alone', () => {
  const foreign: Condition = {
    type: 'example.com/X',
    status: 'True',
    reason: 'Y',
    message: '',
    lastTransitionTime: NOW,
  };
  const metallb: Ingress = { ip: '10.7.7.7', ipMode: 'VIP' };
  const shared = service({ status: { conditions: [foreign], ingress: [metallb, ENTRY] } });
  expect(after({ kind: 'released', held: true }, shared).status).toEqual({ conditions: [foreign], ingress: [metallb] });
  expect(statusChange(shared, { kind: 'released', held: false }, NOW)).toBeUndefined();
  expect(after(wanted(SERVING), shared).status.conditions).toContainEqual(foreign);
});

it.each([
  ['POOL_EXHAUSTED', 'PoolExhausted'],
  ['a-b.c', 'ABC'],
  ['42', 'Refused'],
  ['\n', 'Refused'],
  ['', 'Refused'],
])('makes a reason that Kubernetes takes of %j', (reason, expected) => {
  expect(camelCase(reason)).toBe(expected);
});

it('keeps messages short enough for an event', () => {
  expect(clip('x'.repeat(1_000_000)).length).toBeLessThanOrEqual(1024);
});
