import type { CommandSocket } from '@fairlead/haproxy';
import { afterEach, expect, it, vi } from 'vitest';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import type { View } from '../planning/advance.ts';
import { nodePort, placed, stateOf } from '../testing/example.ts';
import { carryOut, freshView } from '../testing/fresh-view.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';
import { type ServingWatch, watchServing } from './serving.ts';

const VIP = '10.9.0.150';
const [HTTP, HTTPS, DNS] = [`${VIP}|80`, `${VIP}|443`, `${VIP}|53/udp`];
const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const COLUMNS =
  'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_time_since_last_change srv_check_state bk_f_forced_id srv_port';

/** A load balancer of two TCP ports and one of UDP, in a worker that says `alive` of the servers of a service. */
function launch(alive: Set<string>) {
  const ports = [nodePort(80), nodePort(443), nodePort(53, { protocol: 'UDP' })];
  const wanted: Wanted = wantedOf(stateOf([placed('a', VIP, ports)]), READ);
  const view: View = freshView();
  carryOut(plan(wanted, view, OPTIONS).steps, view);
  const keyOf = new Map([...view.worker.services].map(([key, backend]) => [backend, key]));
  const seen = { asked: [] as string[], serving: [] as string[], failures: 0 };
  let fails = false;
  const socket: CommandSocket = {
    run: (commands) =>
      fails
        ? Promise.reject(new Error('haproxy is gone'))
        : Promise.resolve(
            commands.map((command) => {
              const backend = command.split(' ').at(-1)!;
              const key = keyOf.get(backend)!;
              seen.asked.push(key);
              const state = alive.has(key) ? 2 : 0;
              return `1\n# ${COLUMNS}\n5 ${backend} 1 tcp0 10.8.0.1 ${state} 0 3 6 1 30080\n5 ${backend} 2 tcp1 10.8.0.2 2 1 3 6 1 30080\n`;
            }),
          ),
    close: () => undefined,
  };
  watch = watchServing({
    socket,
    current: () => ({ wanted, view }),
    onServing: (keys) => seen.serving.push(...keys),
    onFailure: () => {
      seen.failures += 1;
    },
  });
  return { watch, seen, view, fail: (now: boolean) => (fails = now) };
}

let watch: ServingWatch;
afterEach(() => watch.stop());

it('who is alive already is told of at once, and who is not when it has become so', async () => {
  const alive = new Set([HTTP]);
  const { seen } = launch(alive);
  watch.expect([HTTP, HTTPS]);
  await vi.waitFor(() => expect(seen.serving).toEqual([HTTP]), { interval: 1 });
  // One that is in maintenance is nobody.
  await vi.waitFor(() => expect(seen.asked.filter((key) => key === HTTPS).length).toBeGreaterThan(2));
  expect(seen.serving).toEqual([HTTP]);
  expect(seen.asked.filter((key) => key === HTTP)).toHaveLength(1);
  alive.add(HTTPS);
  await vi.waitFor(() => expect(seen.serving).toEqual([HTTP, HTTPS]));
});

it('nobody is asked while nothing is waited for, or what is waited for is no longer', async () => {
  const { seen } = launch(new Set());
  watch.expect([]);
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(seen.asked).toEqual([]);
  watch.expect([HTTP]);
  watch.expect([]);
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(seen.asked).toEqual([HTTP]);
  expect(seen.serving).toEqual([]);
});

it('a change while some wait has only the new ones asked at once', async () => {
  const { seen } = launch(new Set([HTTPS]));
  watch.expect([HTTP]);
  for (let turn = 0; turn < 5; turn++) watch.expect([HTTP]);
  watch.expect([HTTP, HTTPS]);
  await vi.waitFor(() => expect(seen.serving).toEqual([HTTPS]), { interval: 1, timeout: 40 });
  expect(seen.asked).toEqual([HTTP, HTTPS]);
});

it('UDP serves once it is forwarded to somebody', async () => {
  const { seen, view } = launch(new Set());
  const forward = view.forwards.get(DNS)!;
  view.forwards.delete(DNS);
  watch.expect([DNS]);
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(seen.serving).toEqual([]);
  view.forwards.set(DNS, forward);
  await vi.waitFor(() => expect(seen.serving).toEqual([DNS]));
  expect(seen.asked).toEqual([]);
});

it('where haproxy does not answer that is told, and asked again', async () => {
  const { seen, fail } = launch(new Set([HTTP]));
  fail(true);
  watch.expect([HTTP]);
  await vi.waitFor(() => expect(seen.failures).toBeGreaterThan(0));
  fail(false);
  await vi.waitFor(() => expect(seen.serving).toEqual([HTTP]));
});
