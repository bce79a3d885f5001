import {
  certificatesToPem,
  channelCredentials,
  createAuthority,
  type Identity,
  issueLeaf,
  makeKeyPair,
  materialSource,
  privateKeyToPem,
  serverCredentials,
} from '@fairlead/certs';
import {
  createClient,
  deltaToProto,
  fullStateToProto,
  MachineService,
  openChannel,
  type pb,
  reportFromProto,
  serve,
  startServer,
} from '@fairlead/rpc';
import type { MachineReport, MachineStateDelta, Version } from '@fairlead/model';
import { createLogger } from '@fairlead/telemetry';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Holder } from './state/holder.ts';
import { machineService, onlyCloudagent } from './server.ts';
import type { Held } from './state/state.ts';
import { createStatusBoard } from './status-board.ts';
import { nodePort, placed, stateOf } from './testing/example.ts';

const CLOUDAGENT = { kind: 'cloudagent', site: 'lab' } as const;
const MACHINE = { kind: 'lbagent', site: 'lab', name: 'lb-1' } as const;
const NOTHING: MachineStateDelta = { nodeSets: [], upsert: [], remove: [] };
const log = createLogger({ component: 'test', level: 'silent' });

let cleanups: (() => Promise<void> | void)[];
beforeEach(() => {
  cleanups = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** A machine that applies whatever it is given at once, behind its real service. */
async function machine({
  reportEveryMs = 60_000,
  ...limits
}: { maxStreamAgeMs?: number; reportEveryMs?: number } = {}) {
  const authority = await createAuthority('lab', Date.now());
  const material = async (identity: Identity) => {
    const keys = await makeKeyPair();
    const { chain } = issueLeaf(authority, { identity, publicKey: keys.publicKey, lifetime: 60_000, now: Date.now() });
    return materialSource({
      privateKey: privateKeyToPem(keys.privateKey),
      certificateChain: certificatesToPem(chain),
      roots: certificatesToPem([authority.root.certificate]),
    });
  };
  const versions = { agentVersion: '1', haproxyVersion: '2', keepalivedVersion: '3', kernelVersion: '4' };
  const board = createStatusBoard(versions);
  const clock = { ahead: 0 };
  let held: Held | undefined;
  const holder: Holder = {
    held: () => held,
    offer(accept, cause) {
      const acceptance = accept(held);
      if ('rejected' in acceptance) return acceptance.rejected;
      held = acceptance.held;
      board.update({ applied: held.version, refused: held.unreadable, traceparent: cause.traceparent }, true);
      return undefined;
    },
    useNodeChecks: () => undefined,
    written: () => Promise.resolve(),
  };
  const readConfig = () => Promise.resolve({ haproxyConfig: 'cfg', keepalivedConfig: 'conf', nftables: 'table' });
  const server = await startServer({
    listen: '127.0.0.1:0',
    credentials: serverCredentials(await material(MACHINE), 'required'),
    callers: 'certificate',
    authorise: onlyCloudagent('lab'),
    services: [
      serve(
        MachineService,
        machineService({ log, holder, board, readConfig, reportEveryMs, now: () => Date.now() + clock.ahead }),
      ),
    ],
    log,
    limits,
  });
  cleanups.push(() => server.stop(0));
  const connect = async (as: Identity) => {
    const channel = openChannel(`127.0.0.1:${server.port}`, channelCredentials(await material(as), MACHINE));
    cleanups.push(() => channel.close());
    return createClient(MachineService, channel);
  };
  return { board, clock, connect, held: () => held };
}

/** One stream, spoken to and heard turn by turn. */
async function stream(client: Awaited<ReturnType<Awaited<ReturnType<typeof machine>>['connect']>>) {
  const waiting: pb.SyncRequest.$Properties[] = [];
  let wake: () => void = () => undefined;
  const ending = new AbortController();
  async function* requests(): AsyncGenerator<pb.SyncRequest.$Properties> {
    while (!ending.signal.aborted || waiting.length > 0) {
      const next = waiting.shift();
      if (next) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const reports = client.sync(requests())[Symbol.asyncIterator]();
  cleanups.push(() => {
    ending.abort();
    wake();
  });
  return {
    send: (...some: pb.SyncRequest.$Properties[]): void => {
      waiting.push(...some);
      wake();
    },
    hasEnded: async (): Promise<boolean> => (await reports.next()).done === true,
    hear: async (): Promise<MachineReport> => {
      const { value } = await reports.next();
      return reportFromProto(value as pb.SyncResponse);
    },
  };
}

function full(version: Version, chunkBytes?: number): pb.SyncRequest.$Properties[] {
  const state = stateOf([placed('a', '10.9.0.150', [nodePort(80)]), placed('b', '10.9.0.151', [nodePort(80)])]);
  return [...fullStateToProto(version, state, chunkBytes)].map((chunk) => ({ full: chunk, traceparent: 'why' }));
}

function delta(from: Version, to: Version): pb.SyncRequest.$Properties {
  return { delta: deltaToProto({ from, to }, NOTHING), traceparent: 'because' };
}

it('the first report says what is held, and every update is answered by one with its version and trace', async () => {
  const { connect, held } = await machine();
  const { send, hear } = await stream(await connect(CLOUDAGENT));
  expect(await hear()).toMatchObject({ applied: { epoch: 0, generation: 0 }, capabilities: { haproxyVersion: '2' } });
  const chunks = full({ epoch: 1, generation: 4 }, 100);
  expect(chunks.length).toBeGreaterThan(2);
  send(...chunks);
  expect(await hear()).toMatchObject({ applied: { epoch: 1, generation: 4 }, traceparent: 'why' });
  expect(held()?.state.loadBalancers.size).toBe(2);
  send(delta({ epoch: 1, generation: 4 }, { epoch: 1, generation: 5 }));
  expect(await hear()).toMatchObject({ applied: { epoch: 1, generation: 5 }, traceparent: 'because' });
});

it('an older state and a change of another base are rejected by name, and change nothing', async () => {
  const { connect, held } = await machine();
  const { send, hear } = await stream(await connect(CLOUDAGENT));
  await hear();
  send(...full({ epoch: 2, generation: 4 }));
  await hear();
  const before = held();
  send(...full({ epoch: 1, generation: 99 }));
  expect(await hear()).toMatchObject({ rejected: 'OLDER_VERSION', applied: { epoch: 2, generation: 4 } });
  send(delta({ epoch: 2, generation: 3 }, { epoch: 2, generation: 5 }));
  expect(await hear()).toMatchObject({ rejected: 'WRONG_BASE', applied: { epoch: 2, generation: 4 } });
  expect(held()).toBe(before);
});

it('a load balancer that cannot be read is refused by itself', async () => {
  const { connect, held } = await machine();
  const { send, hear } = await stream(await connect(CLOUDAGENT));
  await hear();
  const [request] = full({ epoch: 1, generation: 1 });
  const broken = structuredClone(request!.full!);
  broken.loadBalancers![0]!.loadBalancer!.ports![0]!.port = 0;
  send({ full: broken });
  const report = await hear();
  expect(report.refused).toMatchObject([{ id: 'a', reason: 'NOT_READABLE' }]);
  expect([...held()!.state.loadBalancers.keys()]).toEqual(['b']);
});

it('what changes by itself is told without being asked', async () => {
  const { connect, board } = await machine();
  const { hear } = await stream(await connect(CLOUDAGENT));
  await hear();
  board.update({ owned: ['edge-1'] });
  expect(await hear()).toMatchObject({ ownedInstances: ['edge-1'] });
  board.find('haproxy', ['haproxy does not answer']);
  expect(await hear()).toMatchObject({ findings: ['haproxy does not answer'] });
});

it('its clock is told again and again, though nothing else changes', async () => {
  const { connect, clock } = await machine({ reportEveryMs: 50 });
  const { hear } = await stream(await connect(CLOUDAGENT));
  await hear();
  clock.ahead = 3_600_000;
  const { clock: told } = await hear();
  expect(Date.parse(told) - Date.now()).toBeGreaterThan(3_500_000);
});

it('a stream that has become old ends in good order, though the cloudagent would still speak', async () => {
  const { connect } = await machine({ maxStreamAgeMs: 200 });
  const client = await connect(CLOUDAGENT);
  for (const generation of [1, 2]) {
    const { send, hear, hasEnded } = await stream(client);
    await hear();
    send(...full({ epoch: 1, generation }));
    expect((await hear()).applied).toEqual({ epoch: 1, generation });
    expect(await hasEnded()).toBe(true);
  }
});

it('nobody but the cloudagent of the own site may call', async () => {
  const { connect } = await machine();
  const client = await connect(CLOUDAGENT);
  expect(await client.getConfig({})).toMatchObject({
    haproxyConfig: 'cfg',
    keepalivedConfig: 'conf',
    nftables: 'table',
  });
  const others = [
    { kind: 'lbagent', site: 'lab', name: 'lb-2' },
    { kind: 'controller', site: 'lab', name: 'prod' },
    { kind: 'operator', site: 'lab', name: 'root' },
  ] as const;
  for (const other of others) {
    const asked = (await connect(other)).getConfig({});
    await expect(asked).rejects.toMatchObject({ status: 'PERMISSION_DENIED' });
  }
});
