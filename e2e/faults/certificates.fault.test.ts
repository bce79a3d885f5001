import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { pkiDirectory } from '../lab/site/apps.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { hostsWithKey, keyFiles, ourLogs, serialOfPem, serialsIn, shownSerial } from './certificates.ts';
import { startChurn } from './churn.ts';
import { callsBetween, countCalls } from './failed-calls.ts';
import { startLoad } from './load.ts';
import { faultSettings } from './settings.ts';

const { renewals } = faultSettings(process.env, 0);
/** Renewed at 60 to 70 % of it. */
const LIFETIME_S = 10;
/** A machine that is busy with other things may be late. */
const PATIENCE_S = renewals * LIFETIME_S * 1.5 + 60;
/** The controller's words about the API server, which shows none of these certificates. */
const OF_KUBERNETES = 'a watch failed';
const PORTS = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'lines', port: 9000, targetPort: 'tcp-lines' },
];

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({
    name: `certificates-${process.pid}`,
    cloudagentFlags: [`--leaf-lifetime=${LIFETIME_S}s`],
    kubernetes: kubernetes(),
  });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 3), loadBalancerService('calm', 'web', { ports: PORTS }));
  await cluster.rolledOut('web');
  await expectHolds(lab, { seconds: 60 });
});
afterAll(async () => {
  await lab?.down();
});

/** Asks the cloudagent something over and over as an operator with a certificate; returns serials and what went wrong. */
function startOperator() {
  const stopping = new AbortController();
  const serials = new Set<string>();
  const failures: string[] = [];
  const file = join(dirname(lab.operatorConfig), 'pki', 'cloudagent.crt');
  const work = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await promisify(execFile)(process.execPath, [lab.apps.fairlead, 'get', 'machines'], {
        env: { PATH: process.env['PATH'], FAIRLEAD_CONFIG: lab.operatorConfig },
      }).catch((error: Error) => failures.push(error.message));
      serials.add(serialOfPem(readFileSync(file, 'utf8')));
      await sleep(1_000);
    }
  };
  const working = work();
  return {
    serials,
    stop: async () => {
      stopping.abort();
      await working;
      return failures;
    },
  };
}

/** By `HOST/PROGRAM`. */
async function serialsByProgram(since: string): Promise<Map<string, string[]>> {
  const logs = await ourLogs(lab);
  return new Map([...logs].map(([name, lines]) => [name, serialsIn(lines.filter(({ time }) => time > since))]));
}

it(`${renewals} renewals of every certificate fail no call and no connection, while Services change`, async () => {
  const since = new Date().toISOString();
  const before = await countCalls(lab);
  const prober = await lab.startProber();
  const address = await cluster.address('calm');
  const load = startLoad(prober, [address], 20);
  const hold = prober.hold({ address, port: 9000, connections: 10 });
  const churn = startChurn(lab, { app: 'web', everyMs: 500 });
  const operator = startOperator();

  const deadline = performance.now() + PATIENCE_S * 1_000;
  let fewest = 0;
  while (fewest < renewals && performance.now() < deadline) {
    await sleep(2_000);
    const serials = [...(await serialsByProgram(since)).values(), [...operator.serials]];
    fewest = Math.min(...serials.map((each) => new Set(each).size));
  }

  const changes = await churn.stop();
  const operatorFailures = await operator.stop();
  await expectHolds(lab, { seconds: 30 });
  const calls = callsBetween(before, await countCalls(lab));
  const seen = await load.stop();
  const held = await hold.stop();
  const serials = await serialsByProgram(since);
  const complaints = [...(await ourLogs(lab))].flatMap(([name, lines]) =>
    lines
      .filter(({ level, time, msg }) => time > since && level !== 'info' && !msg.startsWith(OF_KUBERNETES))
      .map(({ time, level, msg }) => `${name} ${time} ${level} ${msg}`),
  );
  const counts = Object.fromEntries([...serials].map(([name, each]) => [name, new Set(each).size]));
  console.log(
    JSON.stringify({ renewals: { ...counts, operator: operator.serials.size }, calls, changes, ...seen, held }),
  );
  expect(fewest).toBeGreaterThanOrEqual(renewals);
  expect(operatorFailures).toEqual([]);
  expect(calls.bad).toEqual({});
  expect(calls.good).toBeGreaterThan(renewals);
  expect(complaints).toEqual([]);
  expect(changes.duplicates).toEqual([]);
  expect(seen).toMatchObject({ failed: 0, failures: {} });
  expect(held).toMatchObject({ open: 10, broken: [] });
  for (const host of [lab.site.cloudagent, ...lab.site.machines]) {
    // The newest now may be newer than the newest then.
    const shown = await shownSerial(lab, host);
    const [, newest] = [...(await serialsByProgram(since))].find(([name]) => name.startsWith(`${host.name}/`))!;
    expect(newest.slice(-2)).toContain(shown);
  }
});

/** Turns lb-1 away from the join port. */
const CUT = `table inet cut { chain output { type filter hook output priority 0; tcp dport 7421 reject with tcp reset; }; }`;

it('a machine that cannot renew is shown with the reason, serves on, and is well again by itself', async () => {
  const name = 'lb-1';
  const finding = new RegExp(
    `! ${name}: the certificate, good until \\S+, is not renewed: the cloudagent at \\S+ refuses connections: see`,
  );
  const address = await cluster.address('calm');
  await lab.must(name, ['nft', '-f', '-'], { stdin: CUT });
  try {
    await eventually(async () => expect(await lab.fairlead(['show'])).toMatch(finding), 60);
    expect(await lab.fairlead(['describe', 'machine', name])).toContain('is not renewed');
    expect(await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`])).toContain('web-');
  } finally {
    await lab.must(name, ['nft', 'delete', 'table', 'inet', 'cut']);
  }
  await eventually(async () => expect(await lab.fairlead(['show'])).not.toContain('is not renewed'), 60);
  await expectHolds(lab, { seconds: 30 });
});

it('every key is where it was made, and nowhere else', async () => {
  const { cloudagent, control, machines } = lab.site;
  const enrolled = [
    { host: control.name, directory: `${pkiDirectory(control.name)}-1` },
    ...machines.map(({ name }) => ({ host: name, directory: pkiDirectory(name) })),
  ];
  const hosts = [cloudagent.name, ...enrolled.map(({ host }) => host)];
  for (const { host, directory } of enrolled) {
    const paths = await keyFiles(lab, host);
    for (const path of paths) expect(`/run/lab/${host}${path}`).toContain(directory);
    expect(await lab.must(host, ['find', '-L', directory, '-name', '*.key', '!', '-perm', '600'])).toBe('');
    // Read from the host itself: it is renewed every few seconds.
    const key = await lab.must(host, ['sh', '-c', `cat ${directory}/cloudagent.key`]);
    expect((await hostsWithKey(lab, hosts, key)).filter((name) => name !== host)).toEqual([]);
  }
  // The authority's; the cloudagent's own is in its memory only.
  for (const path of await keyFiles(lab, cloudagent.name)) expect(path).toContain('/var/lib/fairlead/identity/');
});
