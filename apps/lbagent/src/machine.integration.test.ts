import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from './processes/namespace.fixture.ts';

/** Real haproxy, keepalived and nftables in namespaces of their own; what happens there is in these files. */
const SERVICES = join(import.meta.dirname, 'testing', 'services.fixture.ts');
const SURVIVAL = join(import.meta.dirname, 'testing', 'survival.fixture.ts');
const NODES = join(import.meta.dirname, 'testing', 'nodes.fixture.ts');
const NODE_CHECKS = join(import.meta.dirname, 'testing', 'node-checks.fixture.ts');
const PUBLISHING = join(import.meta.dirname, 'testing', 'publishing.fixture.ts');

interface Probe {
  readonly total: number;
  readonly failures: readonly string[];
  readonly said: readonly string[];
}

const ALL_NODES = ['node-1', 'node-2', 'node-3'];

it('a new Service answers as soon as it is said to be applied, without a reload, and stands in haproxy.cfg', async () => {
  const seen = await inNamespaces<Record<string, unknown>>(SERVICES, 'newService');
  expect(seen).toMatchObject({ said: ALL_NODES, nobody: 'ECONNREFUSED', reloads: 0, sameWorker: true });
  expect(seen['board']).toMatchObject({ haproxyReloads: 0, driftRepaired: 0, findings: [], owned: ['edge-1'] });
  expect(seen['backend']).toMatch(/^backend backend_10\.9\.0\.150_80\n(?:.*\n)*? {4}server tcp0 10\.9\.0\.21:30080 /);
  expect(seen['checked']).toMatch(/Configuration file is valid/);
  expect(seen['medianMs']).toBeLessThan(500);
});

it('without IPv6 in its kernel it serves IPv4 as ever, and refuses each IPv6 address with what to do', async () => {
  const of = (address: string) => `${address}: the kernel of this machine has no IPv6: boot it with IPv6`;
  expect(await inNamespaces(SERVICES, 'withoutIpv6')).toEqual({
    said: expect.stringMatching(/^node-/),
    findings: [],
    refused: [
      { id: 'dual', reason: 'FAMILY_NOT_SERVED', message: expect.stringContaining(of('fd09::150')) },
      { id: 'six', reason: 'FAMILY_NOT_SERVED', message: expect.stringContaining(of('fd09::151')) },
    ],
  });
});

it('100 changes of backends and a renamed port cost no connection and no reload', async () => {
  const seen = await inNamespaces<{ probe: Probe }>(SERVICES, 'backendsComeAndGo');
  expect(seen).toMatchObject({ sameWorker: true, reloads: 0, probe: { failures: [] } });
  expect(seen.probe.total).toBeGreaterThan(50);
});

it('a removed backend keeps its connections until the drain time is over, and gets no new ones', async () => {
  expect(await inNamespaces(SERVICES, 'drains')).toEqual({
    held: { said: 'node-1' },
    next: 'node-2',
    during: { held: true },
    whileDraining: 2,
    afterwards: { held: false },
  });
});

it('a Service is not said to answer while its port does and its health check does not; then its first connections do', async () => {
  expect(await inNamespaces(PUBLISHING, 'localIsNotPublishedBeforeItsCheckPasses')).toEqual({
    early: ['local'],
    before: undefined,
    first: Array(5).fill('node-1'),
  });
});

it('connections to nodes that leave end after the drain time, though the new backend is not alive yet', async () => {
  const seen = await inNamespaces<{ seconds: number }>(PUBLISHING, 'drainTimeEndsWhileAMoveWaits');
  expect(seen).toMatchObject({ held: { said: 'node-2' }, probe: { failures: [], said: ['node-1'] } });
  // The move itself waits for ten.
  expect(seen.seconds).toBeLessThan(8);
});

it('nodes that leave keep their connections, and serve when they come back, in whatever order', async () => {
  const seen = await inNamespaces<{ probe: Probe }>(NODES, 'comeBackInAnotherOrder');
  expect(seen).toMatchObject({ away: ['node-2'], held: { held: true }, probe: { failures: [] } });
});

it('an lbagent that ended while a node left lets it serve again, or go, without a connection lost', async () => {
  const others = ['node-2', 'node-3'];
  const seen = await inNamespaces<{ probe: Probe }>(NODES, 'endsInBetween');
  expect(seen).toMatchObject({ without: others, held: { held: true }, left: others, heldAfter: { held: true } });
  expect(seen.probe.failures).toEqual([]);
});

it('a removed load balancer leaves nothing behind: connections, servers, map, nftables, address', async () => {
  expect(await inNamespaces(SERVICES, 'removed')).toEqual({
    services: ['10.9.0.151|80'],
    backendsWithServers: 1,
    onLink: false,
    caught: false,
    otherAnswers: true,
  });
});

it('a restarted lbagent finds nothing to do: no reload, no write, no step, no failed connection', async () => {
  const seen = await inNamespaces<{ probe: Probe }>(SURVIVAL, 'restarts');
  expect(seen).toMatchObject({
    probe: { failures: [] },
    held: { held: true },
    applied: { epoch: 1, generation: 1 },
    sameMaster: true,
    sameWorker: true,
    sameFile: true,
    steps: [],
    drift: 0,
  });
});

it('a machine that lost everything but its disk serves again with everybody else dead', async () => {
  const seen = await inNamespaces<{ said: string; applied: unknown }>(SURVIVAL, 'reboots');
  expect(ALL_NODES).toContain(seen.said);
  expect(seen.applied).toEqual({ epoch: 1, generation: 1 });
});

it('a dead or hung haproxy makes the machine unfit at once; a dead one comes back with everything', async () => {
  const seen = await inNamespaces<{ unfitMs: number; backMs: number; hungMs: number; newWorker: boolean }>(
    SURVIVAL,
    'haproxyDies',
  );
  expect(seen.newWorker).toBe(true);
  expect(seen.unfitMs).toBeLessThan(500);
  expect(seen.hungMs).toBeLessThan(1_500);
  expect(seen.backMs).toBeLessThan(5_000);
});

it('more Services than there are slots cost one quiet reload and no connection', async () => {
  expect(await inNamespaces(SERVICES, 'slotsRunOut')).toMatchObject({
    unanswered: 0,
    probe: { failures: [] },
    held: { held: true },
    haproxyReloads: 1,
    refused: 0,
  });
});

it('what somebody changes by hand in haproxy, nftables or on the link is repaired within 10 s, and counted', async () => {
  const seen = await inNamespaces<{ repairedMs: number; drift: number }>(SURVIVAL, 'drifts');
  expect(seen.repairedMs).toBeLessThan(10_000);
  expect(seen.drift).toBeGreaterThan(3);
});

it('a load balancer that cannot be served is refused by itself, and nothing of it reaches haproxy.cfg', async () => {
  expect(await inNamespaces(SERVICES, 'oneBadOne')).toEqual({
    said: true,
    refused: [
      ['bad', 'PORT_TAKEN'],
      ['path', 'CHECK_PATH_INVALID'],
    ],
    evil: false,
  });
});

it('a node that fails its check gets nothing; when all fail the last set goes on, and a person is told', async () => {
  expect(await inNamespaces(NODE_CHECKS, 'nodesDie')).toEqual({ held: ALL_NODES, reloads: 0 });
});

it('an lbagent that restarts while all nodes fail their check goes on with the last set, without a failed connection', async () => {
  const seen = await inNamespaces<{ probe: Probe }>(NODE_CHECKS, 'restartsWhileAllNodesFail');
  expect(seen).toMatchObject({ probe: { failures: [], said: ALL_NODES }, held: true });
});

it('where kube-proxy does not answer from outside the nodes are asked by a live NodePort', async () => {
  const seen = await inNamespaces<{ probe: Probe }>(NODE_CHECKS, 'noHealthz');
  expect(seen.probe).toMatchObject({ failures: [], said: ALL_NODES });
});

it('connections left in an old worker end when their backend has gone and drained, and the worker with them', async () => {
  expect(await inNamespaces(SERVICES, 'oldWorkersDrain')).toEqual({
    oldWorkers: 1,
    afterReload: { held: true },
    whileDraining: { held: true },
  });
});

it('a machine put out of service lets go of its addresses and says so; put back it owns them again', async () => {
  expect(await inNamespaces(SURVIVAL, 'outOfService')).toEqual({
    findings: ['out of service: `lbagent resume-serving` ends that'],
    said: true,
  });
});
