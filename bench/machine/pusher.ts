import { channelCredentials, materialSource } from '@fairlead/certs';
import {
  createClient,
  deltaToProto,
  fullStateToProto,
  MachineService,
  openChannel,
  type pb,
  reportFromProto,
} from '@fairlead/rpc';
import { compareVersions, type MachineReport, type MachineStateDelta, type Version } from '@fairlead/model';
import { MACHINE, readCloudagentMaterial } from './credentials.ts';
import { knock } from './knock.ts';
import { nowNs, type PusherAnswer, type PusherOrder } from './protocol.ts';
import { serveOrders } from './serve-orders.ts';
import { loadedService, machineState, nodeChange, service, SERVICE_PORT, vipOf } from './state.ts';

/**
 * Stands for the cloudagent towards one lbagent: holds the stream that the contract describes and pushes what it is
 * ordered to. `pusher.ts HOST:PORT DIRECTORY-WITH-CREDENTIALS`
 */
const [address, directory] = process.argv.slice(2) as [string, string];
const credentials = channelCredentials(materialSource(readCloudagentMaterial(directory)), MACHINE);
// A machine that is busy for some seconds is a figure, not a reason to give up.
const channel = openChannel(address, credentials, { keepaliveMs: 60_000, keepaliveTimeoutMs: 60_000 });
const outgoing: pb.SyncRequest.$Properties[] = [];
let wake: () => void = () => undefined;
let heard: (report: MachineReport) => void = () => undefined;
let version: Version = { epoch: 1, generation: 0 };

async function* requests(): AsyncGenerator<pb.SyncRequest.$Properties> {
  for (;;) {
    const next = outgoing.shift();
    if (next) yield next;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

async function listen(): Promise<void> {
  for await (const response of createClient(MachineService, channel).sync(requests())) {
    heard(reportFromProto(response));
  }
}

/** Resolves with the first report that has this version applied. */
function applied(wanted: Version): Promise<{ report: MachineReport; ns: number }> {
  return new Promise((resolve, reject) => {
    heard = (report) => {
      if (report.rejected) reject(new Error(`the machine rejected the update: ${report.rejected}`));
      else if (compareVersions(report.applied, wanted) === 0) resolve({ report, ns: nowNs() });
    };
  });
}

async function push(messages: (next: Version) => Iterable<pb.SyncRequest.$Properties>): Promise<PusherAnswer> {
  const next = { ...version, generation: version.generation + 1 };
  const done = applied(next);
  const prepared = [...messages(next)];
  const sentNs = nowNs();
  outgoing.push(...prepared);
  wake();
  const { report, ns } = await done;
  version = next;
  if (report.refused.length > 0) throw new Error(`the machine refused: ${JSON.stringify(report.refused[0])}`);
  const { applyMicros, haproxyReloads } = report;
  return { sentNs, appliedNs: ns, applyMicros, haproxyReloads };
}

function pushDelta(change: Partial<MachineStateDelta>): Promise<PusherAnswer> {
  const delta = { nodeSets: [], upsert: [], remove: [], ...change };
  return push((next) => [{ delta: deltaToProto({ from: version, to: next }, delta) }]);
}

async function obey(order: PusherOrder): Promise<PusherAnswer> {
  if (order.order === 'fill') {
    return push((next) => [...fullStateToProto(next, machineState(order.count))].map((full) => ({ full })));
  }
  if (order.order === 'remove') return pushDelta({ remove: [`service-${order.index}`] });
  if (order.order === 'retarget') return pushDelta({ upsert: [service(order.index, order.nodes)] });
  if (order.order === 'node') return pushDelta({ nodeSets: [nodeChange(order.name, order.there)] });
  if (order.order === 'load') return pushDelta({ upsert: [loadedService(order)] });
  const pushed = await pushDelta({ upsert: [service(order.index)] });
  if (!order.visit) return pushed;
  const { answeredNs } = await knock({ address: vipOf(order.index), port: SERVICE_PORT });
  return { ...pushed, visitedNs: answeredNs };
}

const stream = listen().then(
  () => 'it ended',
  (error: unknown) => String(error),
);
void stream.then((why) => {
  process.stderr.write(`the stream to lbagent broke: ${why}\n`);
  process.exit(1);
});
await serveOrders(obey);
