import type { MachineReport } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { type MachineView, noteAck, statusOf } from './status.ts';
import { machineReport } from './testing/machine-report.ts';
import { service } from './testing/site.ts';
import type { HeldLoadBalancer } from './truth/truth.ts';
import { address } from '@fairlead/model';

const GENERATION = 7;
const NOW = 100_000;

const held = (more: Partial<HeldLoadBalancer> = {}): HeldLoadBalancer => ({
  wish: service('front'),
  served: service('front'),
  generation: GENERATION,
  published: false,
  ...more,
});

const report = (more: Partial<MachineReport> = {}): MachineReport =>
  machineReport({ applied: { epoch: 1, generation: GENERATION }, ...more });

/** A machine that applied `generation` at `at`. */
function machine(name: string, more: Partial<MachineView> & { owner?: boolean } = {}): MachineView {
  const { owner = false, ...rest } = more;
  return {
    name,
    connected: true,
    report: report({ ownedInstances: owner ? ['default'] : [] }),
    acks: [{ generation: GENERATION, at: NOW - 100 }],
    ...rest,
  };
}

const judge = (what: HeldLoadBalancer, machines: MachineView[], now = NOW) =>
  statusOf(what, {
    addresses: [address('10.0.0.150')],
    set: 'default',
    vrrpInstance: 'default',
    machines,
    refusedBackends: [],
    firstGeneration: 5,
    now,
  });

const behind = { acks: [{ generation: GENERATION - 1, at: NOW - 5_000 }] };
const refusing = report({ refused: [{ id: 'uid-front', reason: 'BIND', field: '', message: 'port 80 is taken' }] });

describe('a load balancer that was never published', () => {
  it('serves when the owner and every other connected machine applied its generation', () => {
    expect(judge(held(), [machine('lb-1', { owner: true }), machine('lb-2')])).toMatchObject({
      status: { state: 'SERVING', message: '' },
    });
  });

  it('waits for a connected machine that lags, two seconds and no longer', () => {
    const machines = [machine('lb-1', { owner: true }), machine('lb-2', behind)];
    const waiting = judge(held(), machines);
    expect(waiting).toMatchObject({
      status: { state: 'PENDING', message: 'waiting for machine lb-2' },
      recheckAt: NOW + 1_900,
    });
    expect(judge(held(), machines, NOW + 1_899)).toMatchObject({ status: { state: 'PENDING' } });
    expect(judge(held(), machines, NOW + 1_900)).toMatchObject({ status: { state: 'SERVING' } });
  });

  it('whose backends are said to be ready waits until one has answered the owner, ten seconds and no longer', () => {
    const wish = { ...service('front'), expectsAnswer: true as const };
    const owner = machine('lb-1', { report: report({ ownedInstances: ['default'], unanswered: ['uid-front'] }) });
    expect(judge(held({ wish }), [owner])).toMatchObject({
      status: { state: 'PENDING', message: 'no backend has answered yet' },
      recheckAt: NOW + 9_900,
    });
    expect(judge(held({ wish }), [owner], NOW + 9_900)).toMatchObject({ status: { state: 'SERVING' } });
    expect(judge(held({ wish }), [machine('lb-1', { owner: true })])).toMatchObject({ status: { state: 'SERVING' } });
    expect(judge(held(), [owner])).toMatchObject({ status: { state: 'SERVING' } });
  });

  it('does not wait for a machine that is not connected', () => {
    const machines = [machine('lb-1', { owner: true }), machine('lb-2', { ...behind, connected: false })];
    expect(judge(held(), machines)).toMatchObject({ status: { state: 'SERVING' } });
  });

  it.each([
    ['no machine is declared', [], 'has no machine'],
    ['no machine is connected', [machine('lb-1', { owner: true, connected: false })], 'is connected'],
    ['nobody owns the address', [machine('lb-1'), machine('lb-2')], 'owns its addresses yet'],
    [
      'the owner lags',
      [machine('lb-1', { owner: true, ...behind }), machine('lb-2')],
      'lb-1 has not applied generation 7',
    ],
  ])('is pending and says why when %s', (_, machines, message) => {
    const { status } = judge(held(), machines, NOW + 60_000);
    expect(status).toMatchObject({ state: 'PENDING', message: expect.stringContaining(message) });
  });

  const cut = { connected: false, problem: 'connection timed out' };

  it('names the machine that has its addresses and cannot be told, with the cause and what to do', () => {
    const { status } = judge(held(), [machine('lb-1', { owner: true, ...cut }), machine('lb-2')]);
    expect(status).toMatchObject({
      state: 'PENDING',
      reason: 'OWNER_UNREACHABLE',
      message:
        'machine lb-1 owned its addresses when it was last heard, and cannot be told anything: lb-1 (connection timed out); mend that, or let another machine take over with `lbagent stop-serving` on lb-1',
    });
  });

  it('names every machine that may have its addresses when none has said so in this life of the cloudagent', () => {
    const { status } = judge(held(), [{ name: 'lb-1', acks: [], ...cut }, machine('lb-2')]);
    expect(status).toMatchObject({ state: 'PENDING', reason: 'OWNER_UNREACHABLE' });
    expect(status.message).toContain('one that cannot be told anything may: lb-1 (connection timed out)');
  });

  it('names the cause of each when no machine is connected', () => {
    const { status } = judge(held(), [machine('lb-1', cut), machine('lb-2', { ...cut, problem: 'refused' })]);
    expect(status).toMatchObject({
      state: 'PENDING',
      reason: 'MACHINES_UNREACHABLE',
      message: 'no machine of load balancer set default is connected: lb-1 (connection timed out), lb-2 (refused)',
    });
  });

  it('is on its way, and no person need act, when a connected machine owns its addresses', () => {
    const machines = [machine('lb-1', { owner: true, ...cut }), machine('lb-2', { owner: true, ...behind })];
    const { status } = judge(held(), machines);
    expect(status).toMatchObject({ state: 'PENDING', message: 'machine lb-2 has not applied generation 7 yet' });
    expect(status.reason).toBeUndefined();
    expect(judge(held(), [machine('lb-1'), machine('lb-2')]).status.reason).toBeUndefined();
  });

  it('is refused with what the owner says of it', () => {
    const { status } = judge(held(), [machine('lb-1', { report: { ...refusing, ownedInstances: ['default'] } })]);
    expect(status).toMatchObject({ state: 'REFUSED', refusal: { reason: 'BIND' }, machines: [{ applied: false }] });
  });

  it('is not refused for what a machine said of an older generation', () => {
    const owner = machine('lb-1', { report: { ...refusing, ownedInstances: ['default'] }, ...behind });
    expect(judge(held(), [owner]).status.state).toBe('PENDING');
  });

  it('serves in the end when only a passive machine refuses it, and says so', () => {
    const machines = [machine('lb-1', { owner: true }), machine('lb-2', { report: refusing })];
    expect(judge(held(), machines)).toMatchObject({ status: { state: 'PENDING' } });
    expect(judge(held(), machines, NOW + 5_000).status).toMatchObject({
      state: 'SERVING',
      message: 'machine lb-2 does not serve it: port 80 is taken',
    });
  });
});

describe('a load balancer that was published', () => {
  it('stays SERVING whatever happens, and tells the trouble', () => {
    const { status } = judge(held({ published: true }), [
      machine('lb-1', { owner: true, connected: false, problem: 'connection timed out' }),
      machine('lb-2', behind),
    ]);
    expect(status).toMatchObject({ state: 'SERVING', message: expect.stringContaining('lb-1 (connection timed out)') });
    expect(judge(held({ published: true }), []).status.state).toBe('SERVING');
  });

  const cut = { connected: false, problem: 'connection timed out' };
  const published = (generation = GENERATION) => held({ published: true, generation });

  it('and changed says that the change does not reach the machine that has its addresses, why, and what to do', () => {
    const { status } = judge(published(), [machine('lb-1', { owner: true, ...behind, ...cut }), machine('lb-2')]);
    expect(status).toMatchObject({
      state: 'SERVING',
      reason: 'OWNER_UNREACHABLE',
      message:
        'it is served as it was before its last change: machine lb-1 owned its addresses when it was last heard, and cannot be told anything: lb-1 (connection timed out); mend that, or let another machine take over with `lbagent stop-serving` on lb-1',
    });
    const nobody = judge(published(), [machine('lb-1', { owner: true, ...behind, ...cut }), machine('lb-2', cut)]);
    expect(nobody.status).toMatchObject({ state: 'SERVING', reason: 'MACHINES_UNREACHABLE' });
    const unheard = judge(published(), [{ name: 'lb-1', acks: [], ...cut }, machine('lb-2')]);
    expect(unheard.status).toMatchObject({ state: 'SERVING', reason: 'OWNER_UNREACHABLE' });
  });

  it.each<[string, HeldLoadBalancer, MachineView[]]>([
    ['the machine that is cut off had applied it before', published(), [machine('lb-1', { owner: true, ...cut })]],
    ['it changed in an earlier life of the cloudagent', published(5), [{ name: 'lb-1', acks: [], ...cut }]],
    [
      'another machine has the addresses now',
      published(),
      [machine('lb-1', { owner: true, ...behind, ...cut }), machine('lb-2', { owner: true, ...behind })],
    ],
  ])('says nothing of its last change when %s', (_, what, machines) => {
    expect(judge(what, machines).status.reason).toBeUndefined();
  });

  it('is REFUSED when its new wish is, and keeps its addresses', () => {
    const refusal = { reason: 'ADDRESS_HELD', field: 'wantedAddresses', message: 'held by shop/other' };
    const { status } = judge(held({ published: true, refusal }), [machine('lb-1', { owner: true })]);
    expect(status).toMatchObject({ state: 'REFUSED', refusal, addresses: ['10.0.0.150'] });
  });
});

describe('acknowledgements', () => {
  it('count from the first time, in order, and only in this epoch', () => {
    const first = noteAck([], { epoch: 2, generation: 5 }, 2, 100);
    const again = noteAck(first, { epoch: 2, generation: 5 }, 2, 200);
    const next = noteAck(again, { epoch: 2, generation: 9 }, 2, 300);
    expect(next).toEqual([
      { generation: 5, at: 100 },
      { generation: 9, at: 300 },
    ]);
    expect(noteAck(next, { epoch: 1, generation: 99 }, 2, 400)).toEqual([]);
  });
});
