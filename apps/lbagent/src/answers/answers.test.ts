import { address, type LoadBalancer } from '@fairlead/model';
import { afterEach, expect, it, vi } from 'vitest';
import { type Answers, followAnswers, NOTHING_UNANSWERED, type Unanswered } from './answers.ts';
import type { Ask } from './asking.ts';
import type { Wanted, WantedCheck, WantedService } from '../wanted/wanted.ts';

function lb(id: string, more: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    id,
    cluster: 'prod',
    namespace: 'shop',
    name: id,
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [],
    labels: {},
    namespaceLabels: {},
    expectsAnswer: true,
    ...more,
  };
}

interface Described {
  readonly id: string;
  readonly port: number;
  readonly backends: readonly number[];
  readonly on?: string;
  readonly check?: WantedCheck;
}

function wanted(...services: Described[]): Wanted {
  const all = services.map(({ id, port, backends, on = VIP, check = { kind: 'none' } }): WantedService => {
    const servers = backends.map((backend, index) => ({
      id: index + 1,
      label: `node-${index}`,
      address: address('10.0.0.9'),
      port: backend,
      check,
      stage: 'serving' as const,
    }));
    const vip = address(on);
    const at = { key: `${vip}|${port}`, vip, port, protocol: 'TCP' } as const;
    return { ...at, loadBalancerId: id, owner: id, profile: {}, servers };
  });
  return {
    services: new Map(all.map((each) => [each.key, each])),
    nodeChecks: new Map(),
    heldChecks: new Set(),
    peers: undefined,
    vips: new Map(),
    refused: new Map(),
  };
}

const VIP = '10.0.0.1';
const at = (vips: readonly string[], ...some: LoadBalancer[]) => {
  const addresses = vips.map((vip) => ({ address: address(vip), network: 'lan', vrrpInstance: 'edge' }));
  return new Map(some.map((each) => [each.id, { loadBalancer: each, addresses }]));
};
const all = (...some: LoadBalancer[]) => at([VIP], ...some);

const place = (port: number): string => `10.0.0.9:${port}`;
const held = (answers: Unanswered) =>
  Object.fromEntries([...answers.servers].map(([key, places]) => [key, [...places].sort()]));

let answers: Answers;
afterEach(() => answers.stop());

function follow(answering: Set<number>, before = wanted(), served = all()): { changes: number; asked: number[] } {
  const seen = { changes: 0, asked: [] as number[] };
  const ask: Ask = (_, port) => {
    seen.asked.push(port);
    return Promise.resolve(answering.has(port));
  };
  answers = followAnswers(() => {
    seen.changes += 1;
  }, ask);
  expect(answers.follow(before, served)).toEqual(NOTHING_UNANSWERED);
  return seen;
}

/** As `follow`, where whoever has answered is alive in the data plane too. */
function followAlive(...next: Parameters<Answers['follow']>): Unanswered {
  return answers.see(answers.follow(...next).unseen);
}

it('a new load balancer is unanswered until one backend of each of its ports has answered', async () => {
  const answering = new Set([30001]);
  const seen = follow(answering);
  const both = wanted({ id: 'a', port: 80, backends: [30001] }, { id: 'a', port: 443, backends: [30002, 30003] });
  const answered = () => followAlive(both, all(lb('a')));
  expect(answered().loadBalancers).toEqual(['a']);
  await vi.waitFor(() => expect(seen.asked.filter((port) => port === 30003).length).toBeGreaterThan(1));
  expect(seen.changes).toBe(1);
  expect(answered().loadBalancers).toEqual(['a']);
  answering.add(30003);
  await vi.waitFor(() => expect(seen.changes).toBe(2));
  expect(answered().loadBalancers).toEqual([]);
});

it('one that has answered is still not published until the data plane has a living backend for each port', async () => {
  const answering = new Set([30001]);
  const seen = follow(answering);
  const [http, https] = [`${VIP}|80`, `${VIP}|443`];
  const check = { kind: 'http', port: 32_000 } as const;
  const both = wanted(
    { id: 'a', port: 80, backends: [30001], check },
    { id: 'a', port: 443, backends: [30002], check },
  );
  const now = () => answers.follow(both, all(lb('a')));
  expect(now()).toMatchObject({ loadBalancers: ['a'], unseen: [] });
  await vi.waitFor(() => expect(now().unseen).toEqual([http]));
  // Who has not answered is not believed to serve.
  expect(answers.see([https])).toMatchObject({ loadBalancers: ['a'], unseen: [http] });
  expect(answers.see([http])).toMatchObject({ loadBalancers: ['a'], unseen: [] });
  answering.add(30002);
  await vi.waitFor(() => expect(now()).toMatchObject({ loadBalancers: ['a'], unseen: [https] }));
  expect(answers.see([https])).toEqual(NOTHING_UNANSWERED);
  expect(now()).toEqual(NOTHING_UNANSWERED);
  expect(seen.changes).toBe(2);
});

it('one that changes while the data plane has nobody alive for it waits on, and those that join it are held back', async () => {
  follow(new Set([30001]));
  const served = (...backends: number[]) => wanted({ id: 'a', port: 80, backends });
  const key = `${VIP}|80`;
  await vi.waitFor(() => expect(answers.follow(served(30001), all(lb('a'))).unseen).toEqual([key]));
  const more = answers.follow(served(30001, 30002), all(lb('a')));
  expect([more.loadBalancers, more.unseen, held(more)]).toEqual([['a'], [key], { [key]: [place(30002)] }]);
  const alive = answers.see([key]);
  expect([alive.loadBalancers, alive.unseen, held(alive)]).toEqual([[], [], { [key]: [place(30002)] }]);
});

it('each server of its own is held back until it has answered', async () => {
  const answering = new Set([30001]);
  const seen = follow(answering);
  const one = wanted({ id: 'a', port: 80, backends: [30001, 30002, 30003] });
  const now = () => held(answers.follow(one, all(lb('a'))));
  expect(now()).toEqual({ '10.0.0.1|80': [place(30001), place(30002), place(30003)] });
  await vi.waitFor(() => expect(seen.changes).toBe(1));
  expect(now()).toEqual({ '10.0.0.1|80': [place(30002), place(30003)] });
  answering.add(30003);
  await vi.waitFor(() => expect(now()).toEqual({ '10.0.0.1|80': [place(30002)] }));
  expect(answers.follow(one, all(lb('a')))).toBe(answers.follow(one, all(lb('a'))));
});

it('a server that joins one that is served is held back, and those it has are not', async () => {
  const answering = new Set<number>();
  const served = wanted({ id: 'a', port: 80, backends: [30001] });
  const { expectsAnswer: _, ...silent } = lb('a');
  const seen = follow(answering, served, all(silent));
  const more = wanted({ id: 'a', port: 80, backends: [30001, 30002] });
  const now = () => answers.follow(more, all(silent));
  expect(now().loadBalancers).toEqual([]);
  expect(held(now())).toEqual({ '10.0.0.1|80': [place(30002)] });
  answering.add(30002);
  await vi.waitFor(() => expect(held(now())).toEqual({}));
  expect(seen.asked).not.toContain(30001);
});

it('what is asked by a check of its own is not held back: that says whether it is alive', async () => {
  const seen = follow(new Set([30001]));
  const check = { kind: 'http', port: 32_000 } as const;
  const one = wanted({ id: 'a', port: 80, backends: [30001, 30002], check });
  const now = () => answers.follow(one, all(lb('a')));
  expect(held(now())).toEqual({});
  expect(now().loadBalancers).toEqual(['a']);
  await vi.waitFor(() => expect(now().unseen).toEqual([`${VIP}|80`]));
  const asked = seen.asked.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(seen.asked.length).toBeLessThanOrEqual(asked + 1);
});

it('who does not answer within ten seconds is left to the checks, however often something else of it changes', async () => {
  vi.useFakeTimers();
  try {
    const seen = follow(new Set());
    const pass = (seconds: number, backends: number[]) => {
      vi.advanceTimersByTime(seconds * 1000);
      return answers.follow(wanted({ id: 'a', port: 80, backends }), all(lb('a')));
    };
    expect(pass(0, [30001]).loadBalancers).toEqual(['a']);
    expect(held(pass(6, [30001, 30002]))).toEqual({ '10.0.0.1|80': [place(30001), place(30002)] });
    expect(pass(3.9, [30001, 30002]).loadBalancers).toEqual(['a']);
    expect(seen.changes).toBe(0);
    vi.advanceTimersByTime(200);
    expect(seen.changes).toBe(1);
    expect(pass(0, [30001, 30002])).toEqual(NOTHING_UNANSWERED);
  } finally {
    vi.useRealTimers();
  }
});

it('nor does one that has answered wait longer than that for the data plane', async () => {
  vi.useFakeTimers();
  try {
    const seen = follow(new Set([30001]));
    const now = () => answers.follow(wanted({ id: 'a', port: 80, backends: [30001] }), all(lb('a')));
    expect(now().loadBalancers).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(now()).toMatchObject({ loadBalancers: ['a'], unseen: [`${VIP}|80`] });
    await vi.advanceTimersByTimeAsync(200);
    expect([seen.changes, now()]).toEqual([2, NOTHING_UNANSWERED]);
  } finally {
    vi.useRealTimers();
  }
});

it('nobody is asked for a new one that expects no answer, or for what was served before', async () => {
  const one = wanted({ id: 'a', port: 80, backends: [30001] });
  const seen = follow(new Set());
  const { expectsAnswer: _, ...silent } = lb('a');
  expect(answers.follow(one, all(silent)).loadBalancers).toEqual([]);
  expect(answers.follow(one, all(lb('a'))).loadBalancers).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen.asked).toEqual([]);
});

it('one that gets a second address is unanswered until that one has answered, and only that one is asked', async () => {
  const answering = new Set([30001]);
  const seen = follow(answering);
  const first = { id: 'a', port: 80, backends: [30001] };
  answers.follow(wanted(first), all(lb('a')));
  await vi.waitFor(() => expect(seen.changes).toBe(1));
  answers.see([`${VIP}|80`]);
  const both = wanted(first, { id: 'a', port: 80, backends: [30006], on: 'fd00::1' });
  const now = () => followAlive(both, at([VIP, 'fd00::1'], lb('a'))).loadBalancers;
  expect(now()).toEqual(['a']);
  await vi.waitFor(() => expect(seen.asked.filter((port) => port === 30006).length).toBeGreaterThan(1));
  expect(seen.asked.filter((port) => port === 30001)).toHaveLength(1);
  answering.add(30006);
  await vi.waitFor(() => expect(now()).toEqual([]));
});

it('one that is removed is no longer asked for', async () => {
  const seen = follow(new Set());
  const one = wanted({ id: 'a', port: 80, backends: [30001] });
  expect(answers.follow(one, all(lb('a'))).loadBalancers).toEqual(['a']);
  expect(answers.follow(wanted(), all()).loadBalancers).toEqual([]);
  const before = seen.asked.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen.asked.length).toBeLessThanOrEqual(before + 1);
});

it('thousands that wait at one node are asked a few at a time, and all at once when the node opens', async () => {
  const answering = new Set<number>();
  const seen = follow(answering);
  const ports = Array.from({ length: 2_000 }, (_, index) => 10_000 + index);
  const many = wanted(...ports.map((port) => ({ id: 'a', port, backends: [port] })));
  const silent = () => answers.follow(many, all(lb('a'))).servers.size;
  expect(silent()).toBe(2_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen.asked.length).toBeLessThan(200);
  for (const port of ports) answering.add(port);
  await vi.waitFor(() => expect(silent()).toBe(0));
});

it('many that begin to wait together, as for a new node, are heard before they are planned; a few keep nobody waiting', async () => {
  const many = Array.from({ length: 60 }, (_, index) => ({ id: 'a', port: 1_000 + index }));
  const on = (...backends: number[]) => wanted(...many.map((each) => ({ ...each, backends })));
  const answering = new Set([1, 2]);
  follow(answering, on(1), all(lb('a')));
  expect(answers.follow(on(1, 2), all(lb('a'))).servers.size).toBe(60);
  await answers.mostHeard();
  expect(answers.follow(on(1, 2), all(lb('a'))).servers.size).toBe(0);
  const startedAt = performance.now();
  expect(answers.follow(on(1, 2, 3), all(lb('a'))).servers.size).toBe(60);
  await answers.mostHeard();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  answering.add(3);
  const few = wanted(...many.slice(0, 3).map((each) => ({ ...each, backends: [1, 2, 4] })));
  answers.follow(few, all(lb('a')));
  let isOver = false;
  void answers.mostHeard().then(() => (isOver = true));
  await Promise.resolve();
  await Promise.resolve();
  expect(isOver).toBe(true);
});
