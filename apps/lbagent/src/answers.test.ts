import { address, type LoadBalancer } from '@fairlead/model';
import { expect, it, vi } from 'vitest';
import { type Answers, type Ask, followAnswers } from './answers.ts';
import type { Wanted, WantedService } from './wanted.ts';

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

function wanted(...services: { id: string; port: number; backends: number[]; on?: string }[]): Wanted {
  const all = services.map(({ id, port, backends, on = VIP }): WantedService => {
    const servers = backends.map((backend, index) => ({
      id: index + 1,
      label: `node-${index}`,
      address: address('10.0.0.9'),
      port: backend,
      check: { kind: 'none' as const },
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

function follow(answering: Set<number>): { answers: Answers; told: string[][]; asked: number[] } {
  const told: string[][] = [];
  const asked: number[] = [];
  const ask: Ask = (_, port) => {
    asked.push(port);
    return Promise.resolve(answering.has(port));
  };
  const answers = followAnswers((unanswered) => told.push([...unanswered]), ask);
  answers.follow(wanted(), all());
  return { answers, told, asked };
}

it('a new load balancer is unanswered until one backend of each of its ports has answered', async () => {
  const answering = new Set([30001]);
  const { answers, told, asked } = follow(answering);
  const both = wanted({ id: 'a', port: 80, backends: [30001] }, { id: 'a', port: 443, backends: [30002, 30003] });
  expect(answers.follow(both, all(lb('a')))).toEqual(['a']);
  await vi.waitFor(() => expect(asked.filter((port) => port === 30003).length).toBeGreaterThan(1));
  expect(told).toEqual([]);
  answering.add(30003);
  await vi.waitFor(() => expect(told).toEqual([[]]));
  expect(answers.follow(both, all(lb('a')))).toEqual([]);
  answers.stop();
});

it('nobody is asked for one that expects no answer, or that was served before', async () => {
  const { answers, asked } = follow(new Set());
  const one = wanted({ id: 'a', port: 80, backends: [30001] });
  const { expectsAnswer: _, ...silent } = lb('a');
  expect(answers.follow(one, all(silent))).toEqual([]);
  expect(answers.follow(one, all(lb('a')))).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked).toEqual([]);
});

it('one that gets a second address is unanswered until that one has answered, and only that one is asked', async () => {
  const answering = new Set([30001]);
  const { answers, told, asked } = follow(answering);
  const first = { id: 'a', port: 80, backends: [30001] };
  answers.follow(wanted(first), all(lb('a')));
  await vi.waitFor(() => expect(told).toEqual([[]]));
  const both = wanted(first, { id: 'a', port: 80, backends: [30006], on: 'fd00::1' });
  expect(answers.follow(both, at([VIP, 'fd00::1'], lb('a')))).toEqual(['a']);
  await vi.waitFor(() => expect(asked.filter((port) => port === 30006).length).toBeGreaterThan(1));
  expect(asked.filter((port) => port === 30001)).toHaveLength(1);
  answering.add(30006);
  await vi.waitFor(() => expect(told).toEqual([[], []]));
  expect(answers.follow(both, at([VIP], lb('a')))).toEqual([]);
  answers.stop();
});

it('one that is removed is no longer asked for', async () => {
  const { answers, asked } = follow(new Set());
  expect(answers.follow(wanted({ id: 'a', port: 80, backends: [30001] }), all(lb('a')))).toEqual(['a']);
  expect(answers.follow(wanted(), all())).toEqual([]);
  const before = asked.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(asked.length).toBeLessThanOrEqual(before + 1);
});
