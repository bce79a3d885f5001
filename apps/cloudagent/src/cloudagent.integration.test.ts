import { loadBalancerToProto, pb } from '@fairlead/rpc';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { node, service } from './testing/site.ts';
import { type Controller, WholeSite } from './testing/whole-site.ts';

const { LOAD_BALANCER_STATE_PENDING: PENDING, LOAD_BALANCER_STATE_SERVING: SERVING } = pb.LoadBalancerState;
const { LOAD_BALANCER_STATE_REFUSED: REFUSED } = pb.LoadBalancerState;

let site: WholeSite;

beforeEach(async () => {
  site = new WholeSite();
  await site.start();
});
afterEach(() => site.close());

const machine = (name: string) => site.machines.get(name)!;
const until = (condition: () => boolean) =>
  vi.waitFor(
    () => {
      if (!condition()) throw new Error('not yet');
    },
    { timeout: 8_000, interval: 5 },
  );

/** A controller that leads, and every status it was told, by id, newest last. */
class Reign {
  readonly told: pb.LoadBalancerStatus[] = [];
  readonly removed: string[] = [];
  readonly #stop = new AbortController();
  ended: unknown;
  readonly controller: Controller;
  readonly session: number;

  private constructor(controller: Controller, session: number) {
    this.controller = controller;
    this.session = session;
  }

  static async begin(): Promise<Reign> {
    const controller = await site.controller();
    const { session } = await controller.openSession({ cluster: 'prod', holder: 'test' });
    const reign = new Reign(controller, session);
    void reign.#watch();
    return reign;
  }

  async #watch(): Promise<void> {
    try {
      const request = { cluster: 'prod', session: this.session };
      for await (const event of this.controller.watchStatus(request, { signal: this.#stop.signal })) {
        if (event.status) this.told.push(event.status);
        if (event.removed) this.removed.push(event.removed);
      }
    } catch (error) {
      this.ended = error;
    }
  }

  end(): void {
    this.#stop.abort();
  }

  ensure(name: string, more = {}): Promise<pb.EnsureResponse> {
    const loadBalancer = loadBalancerToProto(service(name, more));
    return this.controller.ensure({ session: this.session, loadBalancer });
  }

  delete(name: string): Promise<pb.DeleteResponse> {
    return this.controller.delete({ cluster: 'prod', session: this.session, id: `uid-${name}` });
  }

  newest(name: string): pb.LoadBalancerStatus | undefined {
    return this.told.findLast(({ id }) => id === `uid-${name}`);
  }

  states(name: string): number[] {
    return this.told.filter(({ id }) => id === `uid-${name}`).map(({ state }) => state);
  }
}

describe('a Service', () => {
  it('gets an address, is pushed to every machine, and is told as serving only when they have it', async () => {
    await site.declare();
    const reign = await Reign.begin();
    const gate = Promise.withResolvers<void>();
    await until(() => machine('lb-1').state !== undefined && machine('lb-2').state !== undefined);
    machine('lb-1').gate = gate.promise;
    const { ensured } = await reign.ensure('front');
    expect(ensured).toMatchObject({ addresses: ['10.0.0.150'] });
    await until(() => reign.newest('front')?.state === PENDING);
    expect(reign.newest('front')!.message).toContain('machine lb-1 has not applied');
    await until(() => machine('lb-2').state!.loadBalancers.has('uid-front'));
    expect(reign.states('front')).toEqual([PENDING]);
    gate.resolve();
    await until(() => reign.newest('front')?.state === SERVING);
    expect(machine('lb-1').state!.loadBalancers.has('uid-front')).toBe(true);
    expect(reign.newest('front')).toMatchObject({ addresses: ['10.0.0.150'], message: '' });
    reign.end();
  });

  it('is published after two seconds when another machine is slow, and stays published', async () => {
    await site.declare();
    const reign = await Reign.begin();
    await until(() => machine('lb-1').state !== undefined && machine('lb-2').state !== undefined);
    machine('lb-2').gate = new Promise(() => undefined);
    const started = performance.now();
    await reign.ensure('front');
    await until(() => reign.newest('front')?.state === SERVING);
    expect(performance.now() - started).toBeGreaterThan(1_900);
    expect(reign.states('front')).toContain(PENDING);
    await machine('lb-1').stop();
    await until(() => reign.newest('front')!.message.startsWith('machine lb-1 owned its addresses'));
    expect(reign.newest('front')!.state).toBe(SERVING);
    reign.end();
  }, 15_000);

  it('that is deleted is gone from every connected machine when the call returns', async () => {
    await site.declare();
    const reign = await Reign.begin();
    await reign.ensure('front');
    await until(() => reign.newest('front')?.state === SERVING);
    await reign.delete('front');
    for (const name of ['lb-1', 'lb-2']) expect(machine(name).state!.loadBalancers.size).toBe(0);
    await until(() => reign.removed.includes('uid-front'));
    await expect(reign.delete('front')).resolves.toEqual({});
    reign.end();
  });

  it('that a machine refuses is told as refused with the reason, and others are served', async () => {
    await site.declare();
    const reign = await Reign.begin();
    const refusal = { reason: 'PORT_TAKEN', field: 'ports[0]', message: 'port 80 is taken: choose another' };
    for (const name of ['lb-1', 'lb-2']) machine(name).refused = [{ id: 'uid-bad', ...refusal }];
    await reign.ensure('bad');
    await reign.ensure('good');
    await until(() => reign.newest('good')?.state === SERVING && reign.newest('bad')?.state === REFUSED);
    expect(reign.newest('bad')).toMatchObject({ refusal });
    reign.end();
  });

  it('that finds the pool exhausted waits, and the oldest waiter gets the first address that is freed', async () => {
    await site.declare({ vips: 1, quarantine: '0s' });
    const reign = await Reign.begin();
    await reign.ensure('a');
    const refused = await reign.ensure('b');
    await reign.ensure('c');
    expect(refused.refused).toMatchObject({
      reason: 'POOL_EXHAUSTED',
      message: expect.stringContaining('pool default'),
    });
    await until(() => reign.newest('b')?.state === REFUSED && reign.newest('c')?.state === REFUSED);
    await reign.delete('a');
    await until(() => reign.newest('b')?.state === SERVING);
    expect(reign.newest('b')!.addresses).toEqual(['10.0.0.150']);
    expect(reign.newest('c')!.state).toBe(REFUSED);
    reign.end();
  });

  it('gets its address when the rest of a freed one is over, without anybody asking again', async () => {
    await site.declare({ vips: 1, quarantine: '1s' });
    const reign = await Reign.begin();
    await reign.ensure('a');
    await reign.ensure('b');
    await reign.delete('a');
    await until(() => reign.newest('b')?.state === SERVING);
    expect(reign.newest('b')!.addresses).toEqual(['10.0.0.150']);
    reign.end();
  });
});

describe('a controller', () => {
  it('that was superseded is refused in every call, and its watch ends', async () => {
    await site.declare();
    const old = await Reign.begin();
    const { session } = await old.controller.openSession({ cluster: 'prod', holder: 'another' });
    const request = { cluster: 'prod', session: old.session };
    const superseded = { status: 'FAILED_PRECONDITION', detail: { reason: 'SESSION_SUPERSEDED' } };
    await expect(old.ensure('a')).rejects.toMatchObject(superseded);
    await expect(old.delete('a')).rejects.toMatchObject(superseded);
    await expect(old.controller.syncNodes({ ...request, full: true, upsert: [], remove: [] })).rejects.toMatchObject(
      superseded,
    );
    await until(() => old.ended !== undefined);
    expect(old.ended).toMatchObject(superseded);
    expect(session).toBeGreaterThan(old.session);
  });

  it('may speak for its own cluster only', async () => {
    await site.declare();
    const stranger = await site.controller('other');
    const refused = { status: 'PERMISSION_DENIED' };
    await expect(stranger.openSession({ cluster: 'prod', holder: 'x' })).rejects.toMatchObject(refused);
    const loadBalancer = loadBalancerToProto(service('a'));
    await expect(stranger.ensure({ session: 1, loadBalancer })).rejects.toMatchObject(refused);
  });

  it('cannot touch what the site declares', async () => {
    await site.declare();
    const reign = await Reign.begin();
    const reserved = { detail: { reason: 'RESERVED_ID' } };
    await expect(reign.ensure('x', { id: 'static/registry' })).rejects.toMatchObject(reserved);
    const request = { cluster: 'prod', session: reign.session, id: 'control-plane/prod' };
    await expect(reign.controller.delete(request)).rejects.toMatchObject(reserved);
    reign.end();
  });

  it('is told which nodes and endpoints are refused, each leaves an audit line, the others are used', async () => {
    await site.declare();
    const reign = await Reign.begin();
    const upsert = [
      node('good', '10.0.0.101'),
      node('evil', '127.0.0.1'),
      { ...node('odd', '10.0.0.102'), podCidrs: ['x'] },
    ];
    const request = { cluster: 'prod', session: reign.session, full: true, remove: [] };
    const { refused } = await reign.controller.syncNodes({ ...request, upsert });
    expect(refused.map(({ name, refusal }) => [name, refusal!.reason])).toEqual([
      ['odd', 'NODE_INVALID'],
      ['evil', 'BACKEND_REFUSED'],
    ]);
    await until(() => machine('lb-1').state?.nodeSets.get('prod')?.nodes.length === 1);
    const audits = site.lines.filter(({ audit }) => audit === 'backend-refused');
    expect(audits).toMatchObject([{ backend: 'odd' }, { backend: 'evil', by: 'fairlead://test/controller/prod' }]);
    reign.end();
  });

  it('learns at the beginning what is held for its cluster', async () => {
    await site.declare();
    const reign = await Reign.begin();
    await reign.ensure('front');
    const opened = await reign.controller.openSession({ cluster: 'prod', holder: 'next' });
    expect(opened).toMatchObject({
      held: [{ id: 'uid-front', namespace: 'shop', name: 'front', addresses: ['10.0.0.150'] }],
      nodeCidrs: ['10.0.0.0/24'],
      podCidrs: ['10.200.0.0/16'],
    });
  });
});

describe('a restarted cloudagent', () => {
  it('has every address, keeps sessions and what was published, and reaches its machines again', async () => {
    await site.declare();
    const reign = await Reign.begin();
    for (const name of ['a', 'b', 'c']) await reign.ensure(name);
    await until(() => ['a', 'b', 'c'].every((name) => reign.newest(name)?.state === SERVING));
    const before = machine('lb-1').version;
    reign.end();
    await site.stop();
    for (const name of ['lb-1', 'lb-2']) await machine(name).stop();
    await site.start();
    const again = await Reign.begin();
    await until(() => again.told.length === 3);
    // Published once, so told as serving at once, though no machine is there yet.
    expect(again.told.map(({ state }) => state)).toEqual([SERVING, SERVING, SERVING]);
    expect((await again.ensure('b')).ensured!.addresses).toEqual(['10.0.0.151']);
    for (const name of ['lb-1', 'lb-2']) await machine(name).start();
    await until(() => machine('lb-1').version.epoch === before.epoch + 1);
    expect(machine('lb-1').version.generation).toBeGreaterThanOrEqual(before.generation);
    expect(machine('lb-1').state!.loadBalancers.size).toBe(3);
    again.end();
  }, 15_000);
});
