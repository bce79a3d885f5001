import { parseArgs } from 'node:util';
import { sleep } from '../lab/command.ts';
import { cannotBuild, findKubernetes } from '../lab/kubernetes/binaries.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { eventually } from '../tests/eventually.ts';
import { haproxyWorkers, ownersOf } from '../tests/machines.ts';
import { Story, timed } from './story.ts';
import { kubernetesWorkload, staticWorkload, type Workload } from './workload.ts';

/**
 * `npm run demo [-- --once] [-- --kubernetes | --without-kubernetes]`: the main job, live, on a site in network namespaces.
 * With --once it ends after the story, with code 0 only if every claim held.
 */
const { values } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    kubernetes: { type: 'boolean', default: false },
    'without-kubernetes': { type: 'boolean', default: false },
  },
});

const story = new Story();
const withKubernetes = await chooseKubernetes();
const lab = await bringUp();
try {
  const workload = withKubernetes ? await kubernetesWorkload(lab) : staticWorkload(lab);
  const address = await appears(workload);
  await scales(workload, address);
  await survives(address);
  await disappears(workload, address);
  const held = story.end();
  if (!values.once && process.stdout.isTTY) await linger(workload);
  process.exitCode = held ? 0 : 1;
} finally {
  await lab.down();
}

async function chooseKubernetes(): Promise<boolean> {
  if (values['without-kubernetes']) return false;
  if (findKubernetes()) return true;
  const obstacle = await cannotBuild();
  if (values.kubernetes) {
    if (obstacle !== undefined)
      throw new Error(`--kubernetes: its binaries are not here and cannot be built: ${obstacle}`);
    return true;
  }
  const how = obstacle === undefined ? '"npm run demo -- --kubernetes" builds them once' : obstacle;
  story.tell(`Without Kubernetes, with static load balancers: its binaries are not here (${how}).`);
  return false;
}

async function bringUp(): Promise<Lab> {
  story.chapter(`A site: two LB machines, three nodes${withKubernetes ? ' of a Kubernetes cluster' : ''}, a client`);
  const [up, took] = await timed(() =>
    startLab({
      name: `demo-${process.pid}`,
      advertInterval: '30ms',
      staticLoadBalancers: [],
      onProgress: (sentence) => story.tell(sentence),
      ...(withKubernetes ? { kubernetes: kubernetes() } : {}),
    }),
  );
  story.tell(`up after ${(took / 1000).toFixed(1)} s`);
  return up;
}

async function appears(workload: Workload): Promise<string> {
  story.chapter(`A ${workload.noun} is applied`);
  const [address, took] = await timed(() => workload.create());
  story.tell(`${address} was published ${took} ms after the command began`);
  const first = await lab.exec('client', ['curl', '-s', '-m', '2', `http://${address}/`]);
  story.claim(first.code === 0, `it answered the first request: ${first.stdout.trim()}`);
  const names = await workload.backends();
  const seen = new Set<string>();
  for (let request = 0; request < 60 && seen.size < names.length; request += 1) seen.add(await ask(address));
  story.claim(
    seen.size === names.length,
    `each of the ${names.length} backends answered: ${[...seen].sort().join(', ')}`,
  );
  return address;
}

async function ask(address: string): Promise<string> {
  return (await lab.exec('client', ['curl', '-s', '-m', '2', `http://${address}/`])).stdout.split(' ')[0] ?? '';
}

async function scales(workload: Workload, address: string): Promise<void> {
  const [few, many] = workload.counts;
  story.chapter(`${few} backends become ${many}, and ${few} again, under load`);
  const prober = await lab.startProber();
  const probe = prober.probe({ address, port: 80, httpPath: '/' });
  const before = await haproxyWorkers(lab);
  await workload.scale(many);
  const names = await workload.backends();
  await eventually(async () => {
    const report = await probe.report({ reset: false });
    if (names.some((name) => report.backends[name] === undefined))
      throw new Error('not every backend has answered yet');
  });
  await workload.scale(few);
  await sleep(1000);
  const report = await probe.stop();
  await prober.close();
  story.claim(
    report.failed === 0,
    `${report.failed} of ${report.attempts} new connections failed, each of ${names.length} backends answered`,
  );
  story.claim((await haproxyWorkers(lab)).join() === before.join(), 'HAProxy was not reloaded: the same workers serve');
}

async function survives(address: string): Promise<void> {
  story.chapter('The active machine is cut off the network');
  const prober = await lab.startProber();
  const probe = prober.probe({ address, port: 80, httpPath: '/' });
  const [owner] = await ownersOf(lab, address);
  await sleep(500);
  await lab.cut(owner!);
  await sleep(2000);
  const cut = await probe.report({ reset: true });
  story.claim(
    cut.longestOutageMs < 2000,
    `${owner} is gone; the client saw an outage of ${Math.round(cut.longestOutageMs)} ms`,
  );
  await lab.heal(owner!);
  await sleep(3000);
  const healed = await probe.stop();
  await prober.close();
  story.claim(healed.failed === 0, `${owner} is back; ${healed.failed} of ${healed.attempts} connections failed`);
}

async function disappears(workload: Workload, address: string): Promise<void> {
  story.chapter(`The ${workload.noun} is deleted`);
  const [, took] = await timed(() => workload.remove());
  const gone = await eventually(async () => {
    const owners = await ownersOf(lab, address);
    if (owners.length > 0) throw new Error(`${owners.join(' and ')} still has ${address}`);
    return true;
  }).catch(() => false);
  story.claim(gone, `no machine has ${address} any more (${took} ms)`);
  const again = await workload.create();
  story.claim(again === address, `the address is free: the next ${workload.noun} got ${again}`);
}

async function linger(workload: Workload): Promise<void> {
  const commands = [
    `eval "$(npm run --silent lab -- env ${lab.name})"      # in another shell`,
    'fairlead show',
    `lab-curl http://${await workload.create()}/`,
    ...(withKubernetes ? ['kubectl get services -o wide', 'kubectl scale deployment/web --replicas=5'] : []),
    `npm run lab -- cut ${lab.name} lb-1`,
  ];
  story.chapter('The site stays up until Ctrl-C. Try:');
  for (const command of commands) story.tell(command);
  await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
}
