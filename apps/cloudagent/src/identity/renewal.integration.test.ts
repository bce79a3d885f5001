import {
  channelCredentials,
  factsOfMaterial,
  identityOfCertificate,
  onlyCloudagent,
  pinPeer,
  readEnrolment,
  serverCredentials,
  type Enrolment,
  type MaterialSource,
} from '@fairlead/certs';
import {
  createClient,
  enrol,
  keepRenewed,
  LoadBalancersService,
  MachineService,
  openChannel,
  openEnrolment,
  serve,
  startServer,
  type LiveEnrolment,
} from '@fairlead/rpc';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { openTestSite, type TestSite } from './testing/site.ts';

const sites: TestSite[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

async function lab(lifetime: number): Promise<TestSite> {
  const site = await openTestSite({ lifetime });
  sites.push(site);
  return site;
}

async function joined(site: TestSite, kind: 'lbagent' | 'controller' | 'operator', name: string): Promise<Enrolment> {
  const role = kind === 'operator' ? 'reader' : undefined;
  const result = await enrol(await site.token(kind, name, role), join(site.directory, name));
  if ('refused' in result) throw new Error(result.refused);
  return result.enrolment;
}

async function live(site: TestSite, kind: 'lbagent' | 'controller', name: string): Promise<LiveEnrolment> {
  const enrolment = await joined(site, kind, name);
  const running = keepRenewed({ place: join(site.directory, name), enrolment, log: site.log });
  site.onClose(async () => await running.stop());
  return running;
}

const serialOf = (source: MaterialSource): string => factsOfMaterial(source.current()).serial;

/** The serials a source goes through. */
function watched(source: MaterialSource): Set<string> {
  const serials = new Set([serialOf(source)]);
  source.subscribe((material) => serials.add(factsOfMaterial(material).serial));
  return serials;
}

/** The serial that a server shows to a new connection. */
async function shownTo(source: MaterialSource, port: number, name: 'lb-1'): Promise<string> {
  const { roots, privateKey, certificateChain } = source.current();
  const peer = { kind: 'lbagent', site: 'lab', name } as const;
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'fairlead',
    ca: roots,
    key: privateKey,
    cert: certificateChain,
    checkServerIdentity: pinPeer(peer),
  });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect(identityOfCertificate(socket.getPeerCertificate().raw)).toEqual(peer);
    return socket.getPeerCertificate().serialNumber.toLowerCase();
  } finally {
    socket.destroy();
  }
}

describe('certificates that live for three seconds', () => {
  it('are renewed again and again on both sides of a stream that stays open', async () => {
    const site = await lab(3000);
    const machine = await live(site, 'lbagent', 'lb-1');
    const server = await startServer({
      listen: '127.0.0.1:0',
      callers: 'certificate',
      credentials: serverCredentials(machine.source, 'required'),
      authorise: onlyCloudagent,
      log: site.log,
      services: [
        serve(MachineService, {
          async *sync(updates) {
            for await (const { traceparent } of updates) yield { traceparent };
          },
          getConfig: () => Promise.resolve({}),
        }),
      ],
    });
    site.onClose(async () => await server.stop(0));
    const [ofMachine, ofCloudagent] = [watched(machine.source), watched(site.identity.source)];

    const credentials = channelCredentials(site.identity.source, machine.enrolment.identity);
    const channel = site.opened(openChannel(`127.0.0.1:${String(server.port)}`, credentials));
    let going = true;
    const isGoing = (): boolean => going;
    const words = (async function* () {
      for (let count = 0; isGoing(); count += 1) {
        yield { traceparent: String(count) };
        await sleep(20);
      }
    })();
    const heard: string[] = [];
    const stream = (async () => {
      for await (const { traceparent } of createClient(MachineService, channel).sync(words)) heard.push(traceparent);
    })();

    const enough = (): boolean => Math.min(ofMachine.size, ofCloudagent.size) >= 4;
    await expect.poll(enough, { timeout: 30_000, interval: 50 }).toBe(true);
    expect(await shownTo(site.identity.source, server.port, 'lb-1')).toBe(serialOf(machine.source));
    going = false;
    await stream;
    expect(heard).toEqual(heard.map((_, index) => String(index)));
    expect(heard.length).toBeGreaterThan(100);
    expect((await readEnrolment(join(site.directory, 'lb-1')))?.material).toEqual(machine.source.current());
    expect(site.refusals()).toEqual([]);

    // A connection made now, with certificates that did not exist when the stream began.
    const again = site.opened(openChannel(`127.0.0.1:${String(server.port)}`, credentials));
    expect(await createClient(MachineService, again).getConfig({})).toBeDefined();
  });

  it('are renewed under a controller that watches', async () => {
    const site = await lab(3000);
    const controller = await live(site, 'controller', 'prod');
    let ticks = 0;
    const server = await site.start({
      callers: 'certificate',
      authorise: site.identity.authorise,
      credentials: serverCredentials(site.identity.source, 'required'),
      services: [
        serve(LoadBalancersService, {
          openSession: () => Promise.resolve({}),
          syncNodes: () => Promise.resolve({}),
          ensure: () => Promise.resolve({}),
          delete: () => Promise.resolve({}),
          async *watchStatus(_request, { signal }) {
            for (; !signal.aborted; ticks += 1) {
              yield { removed: String(ticks) };
              await sleep(20);
            }
          },
        }),
      ],
    });
    const serials = watched(controller.source);
    const credentials = channelCredentials(controller.source, site.identity.identity);
    const channel = site.opened(openChannel(`127.0.0.1:${String(server.port)}`, credentials));
    let heard = 0;
    for await (const { removed } of createClient(LoadBalancersService, channel).watchStatus({ cluster: 'prod' })) {
      expect(removed).toBe(String(heard));
      heard += 1;
      if (serials.size >= 4) break;
    }
    expect(heard).toBeGreaterThan(100);
  });

  it('are renewed when the machine slept past their end, without anybody noticing', async () => {
    const site = await lab(2000);
    const enrolment = await joined(site, 'lbagent', 'lb-1');
    await sleep(2500);
    expect(factsOfMaterial(enrolment.material).notAfter).toBeLessThan(Date.now());
    const woken = keepRenewed({ place: join(site.directory, 'lb-1'), enrolment, log: site.log });
    site.onClose(async () => await woken.stop());
    await expect.poll(() => woken.validity().notAfter > Date.now(), { timeout: 5000 }).toBe(true);
  });

  it('are renewed before a command line that comes back later makes its call', async () => {
    const site = await lab(2000);
    const directory = join(site.directory, 'ann');
    await joined(site, 'operator', 'ann');
    const before = await openEnrolment(directory);
    expect(await openEnrolment(directory)).toEqual(before);
    await sleep(2500);
    const after = await openEnrolment(directory);
    expect(after?.material.certificateChain).not.toBe(before?.material.certificateChain);
    expect(await readEnrolment(directory)).toEqual(after);
  });
});

describe('a renewal that fails', () => {
  it('is tried again until the cloudagent is back', async () => {
    const site = await lab(4000);
    const enrolment = await joined(site, 'lbagent', 'lb-1');
    const elsewhere = { ...enrolment, join: '127.0.0.1:1' };
    const directory = join(site.directory, 'lb-1');
    const problems: (string | undefined)[] = [];
    const onProblem = (problem: string | undefined) => void problems.push(problem);
    const running = keepRenewed({ place: directory, enrolment: elsewhere, log: site.log, onProblem });
    site.onClose(async () => await running.stop());
    await expect.poll(() => problems.length, { timeout: 15_000 }).toBeGreaterThan(0);
    expect(problems[0]).toMatch(
      /^the certificate, good until 2\S+Z, is not renewed: the cloudagent at 127\.0\.0\.1:1 refuses connections: see/,
    );
    expect(site.lines).toContainEqual(expect.objectContaining({ level: 'warn', msg: problems[0] }));
    // What an operator does on the machine: join again, with another token.
    await joined(site, 'lbagent', 'lb-1');
    await expect
      .poll(() => running.validity().notAfter > factsOfMaterial(enrolment.material).notAfter, { timeout: 15_000 })
      .toBe(true);
    expect(problems.at(-1)).toBeUndefined();
  });

  it('to reach the disk leaves the new certificate in use, and is made good when the disk is', async () => {
    const site = await lab(3000);
    const running = await live(site, 'lbagent', 'lb-1');
    const directory = join(site.directory, 'lb-1');
    const first = serialOf(running.source);
    renameSync(directory, `${directory}-away`);
    writeFileSync(directory, 'a file where the directory should be');
    await expect.poll(() => serialOf(running.source) !== first, { timeout: 10_000 }).toBe(true);
    const unsaved = (): boolean =>
      site.lines.some(({ msg }) =>
        /^the new certificate is in use, and lost when this program ends: \S+ is in the way/.test(String(msg)),
      );
    await expect.poll(unsaved, { timeout: 10_000 }).toBe(true);
    rmSync(directory);
    renameSync(`${directory}-away`, directory);
    const onDisk = async (): Promise<boolean> =>
      (await readEnrolment(directory))?.material.certificateChain === running.source.current().certificateChain;
    await expect.poll(onDisk, { timeout: 10_000 }).toBe(true);
    // From here on everything is as if nothing had happened: at most two renewals in the life of one certificate.
    const renewals = watched(running.source);
    await sleep(3000);
    expect(renewals.size).toBeGreaterThan(1);
    expect(renewals.size).toBeLessThanOrEqual(4);
  });
});
