import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from '../../packaging/build.ts';
import { PACKAGE_FILES, type Release } from '../lab/booted/image.ts';
import { sleep } from '../lab/command.ts';
import type { Measurement } from '../lab/prober-client.ts';
import type { HoldReport, ProbeReport } from '../prober/protocol.ts';
import { eventually } from '../tests/eventually.ts';
import { haproxyWorkers } from '../tests/machines.ts';
import { inactive, install, reboot, remove } from './machine.ts';
import { answers, oneOwner, ready, type Rig, serve, startRig } from './rig.ts';
import { difference, type Traces, traces } from './traces.ts';

const OLDER = '1.0.0';
const NEWER = '1.0.1';
const UNITS = ['lbagent.service', 'haproxy.service', 'keepalived.service'];
/** Generous: the figures are in the bench. */
const CEILING_MS = 2000;
/** What somebody else threw away is back within this. */
const REPAIRED_WITHIN_MS = 10_000;

let packages: { readonly directory: string; readonly older: string; readonly newer: string };
beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-debs-'));
  const build = async (version: string): Promise<string> =>
    (await buildPackages({ version, formats: ['deb'], only: ['lbagent'], out: directory }))[0]!;
  packages = { directory, older: await build(OLDER), newer: await build(NEWER) };
});
afterAll(() => {
  if (packages) rmSync(packages.directory, { recursive: true });
});

// The life of LB machines, from the first installation to the last trace: each test goes on where the one before ended.
describe.each<Release>(['bookworm', 'trixie'])("lbagent's package on two machines with Debian %s", (release) => {
  let rig: Rig;
  /** Of the Service; empty until it has one. */
  let address = '';
  const before = new Map<string, Traces>();

  beforeAll(async () => {
    rig = await startRig(release);
  });
  afterAll(async () => {
    await rig?.lab.down();
  });

  /** Every machine does its part; returns the owner of the address. */
  async function allIsWell(): Promise<string> {
    await answers(rig, address);
    for (const machine of rig.machines) await ready(rig, machine);
    return oneOwner(rig, address);
  }

  /** A client that opens a connection every 5 ms and keeps others open while `work` goes on. */
  async function underLoad(
    work: () => Promise<unknown>,
    connections = 5,
  ): Promise<{ probe: ProbeReport; held: HoldReport }> {
    const probe: Measurement<ProbeReport> = rig.prober.probe({ address, port: 80, httpPath: '/', intervalMs: 5 });
    const hold = rig.prober.hold({ address, port: 9000, connections, intervalMs: 10 });
    await sleep(300);
    await work();
    await sleep(1000);
    return { probe: await probe.stop(), held: await hold.stop() };
  }

  async function joinSite(machine: string): Promise<void> {
    const command = await rig.lab.fairlead(['machines', 'add', machine, '--set', 'default']);
    expect(command.trim().split('\n')).toHaveLength(1);
    // As `fairlead machines add … | ssh MACHINE sudo sh` does: the token is on no command line.
    await rig.lab.must(machine, ['sh'], { stdin: command });
  }

  it('joins each by the one command that `fairlead machines add` prints, and a Service is served', async () => {
    for (const machine of rig.machines) {
      before.set(machine, await traces(rig.lab, machine));
      await install(rig.lab, machine, packages.older);
      expect(await inactive(rig.lab, machine, ['lbagent.service'])).toEqual([]);
      await joinSite(machine);
    }
    address = await serve(rig, 'web');
    await allIsWell();
    for (const machine of rig.machines) {
      expect(await inactive(rig.lab, machine, UNITS)).toEqual([]);
      expect(await rig.lab.must(machine, ['systemctl', '--failed', '--no-legend'])).toBe('');
    }
  });

  it('tells of each connection in the journal, by the names that an operator looks for', async () => {
    const owner = await oneOwner(rig, address);
    await answers(rig, address);
    await eventually(async () => {
      const lines = await rig.lab.must(owner, ['journalctl', '--unit=haproxy', '--output=cat', '--lines=200']);
      expect(lines).toMatch(
        new RegExp(`^10\\.9\\.0\\.100:\\d+ \\[.*\\] frontend_${address}_80 backend_${address}_80/tcp[012] \\d`, 'm'),
      );
    });
    const lbagent = await rig.lab.must(owner, ['journalctl', '--unit=lbagent', '--output=cat']);
    expect(lbagent).toContain('the cloudagent is connected');
    expect(await rig.lab.must(owner, ['journalctl', '--unit=keepalived', '--output=cat'])).toContain('MASTER STATE');
  });

  it('serves again by itself after a reboot of both, with the cloudagent dead', async () => {
    await rig.lab.kill('cloudagent', 'cloudagent', 'KILL');
    try {
      await Promise.all(rig.machines.map((machine) => reboot(rig.lab, machine)));
      await answers(rig, address);
      await oneOwner(rig, address);
      for (const machine of rig.machines) expect(await inactive(rig.lab, machine, UNITS)).toEqual([]);
    } finally {
      await rig.lab.start('cloudagent', 'cloudagent');
    }
    await allIsWell();
  });

  it('hands over without a failed connection when the owner is rebooted', async () => {
    const owner = await allIsWell();
    const { probe } = await underLoad(() => reboot(rig.lab, owner));
    expect(probe.failures).toEqual({});
    expect(await oneOwner(rig, address)).not.toBe(owner);
  });

  it.each([
    ['upgraded', () => packages.newer, NEWER],
    ['downgraded', () => packages.older, OLDER],
  ] as const)('is %s under load, one machine after the other, and nobody notices', async (_, deb, version) => {
    await allIsWell();
    const workers = await haproxyWorkers(rig.lab);
    const { probe, held } = await underLoad(async () => {
      for (const [index, machine] of rig.machines.entries()) {
        await install(rig.lab, machine, deb());
        await ready(rig, machine);
        // Two versions beside each other take the same orders.
        if (index === 0) await rig.cluster.apply(serviceOf(`beside-${version.replaceAll('.', '-')}`));
      }
    });
    expect({ failures: probe.failures, broken: held.broken }).toEqual({ failures: {}, broken: [] });
    expect(held.open).toBe(5);
    expect(await haproxyWorkers(rig.lab)).toEqual(workers);
    for (const machine of rig.machines) {
      const installed = await rig.lab.must(machine, ['dpkg-query', '-W', '-f', '${Version}', 'fairlead-lbagent']);
      expect(installed).toBe(version);
      expect(await rig.lab.must('wire', ['curl', '-s', `http://${addressOf(machine)}:7431/metrics`])).toContain(
        `version="${version}"`,
      );
    }
    await answers(rig, await rig.cluster.address(`beside-${version.replaceAll('.', '-')}`));
  });

  const addressOf = (machine: string): string => rig.lab.site.machines.find(({ name }) => name === machine)!.address;

  const serviceOf = (name: string): unknown => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  });

  const RULES = 'ip rule add lookup main pref 32766; ip rule add lookup default pref 32767';

  it.each([
    ['systemctl restart haproxy', 'systemctl restart haproxy'],
    ['systemctl restart keepalived', 'systemctl restart keepalived'],
    ['systemctl daemon-reload', 'systemctl daemon-reload'],
    ['networkctl reload', 'networkctl reload'],
    ['networkctl reconfigure', 'networkctl reconfigure eth0'],
    ['a restart of systemd-networkd', 'systemctl restart systemd-networkd'],
    ['nft flush ruleset', 'nft flush ruleset'],
    ['policy rules flushed', `ip rule flush; ${RULES}`],
    ['routes flushed', 'ip route flush table 46130'],
  ])('serves through %s on the owner, or again within 10 s', async (_, script) => {
    const owner = await allIsWell();
    const kernel = () => rig.lab.must(owner, ['sh', '-c', 'nft list tables; ip rule; ip route show table 46130']);
    const intact = await kernel();
    const { probe } = await underLoad(async () => {
      await rig.lab.must(owner, ['sh', '-c', script], { timeout: 120_000 });
      await eventually(async () => expect(await kernel()).toBe(intact), REPAIRED_WITHIN_MS / 1000);
    });
    expect(probe.longestOutageMs).toBeLessThan(REPAIRED_WITHIN_MS);
    expect(probe.outages.filter(({ open }) => open)).toEqual([]);
    expect(await inactive(rig.lab, owner, UNITS)).toEqual([]);
  });

  it.each(['haproxy', 'keepalived'])('takes a new package of %s into use without a failed connection', async (name) => {
    const owner = await allIsWell();
    const { probe, held } = await underLoad(() =>
      rig.lab.must(owner, ['sh', '-c', `dpkg --install ${PACKAGE_FILES}/${name}_*.deb`], { timeout: 120_000 }),
    );
    expect({ failures: probe.failures, broken: held.broken }).toEqual({ failures: {}, broken: [] });
    const script = `readlink /proc/$(systemctl show --value --property=MainPID ${name})/exe`;
    expect(await rig.lab.must(owner, ['sh', '-c', script])).toBe(`/usr/sbin/${name}\n`);
  });

  it('goes on elsewhere when the owner loses power, and is back when it boots', async () => {
    const owner = await allIsWell();
    const { probe } = await underLoad(async () => {
      await rig.lab.halt(owner);
      await sleep(3000);
    });
    expect(probe.longestOutageMs).toBeLessThan(CEILING_MS);
    expect(probe.outages.filter(({ open }) => open)).toEqual([]);
    await rig.lab.boot(owner);
    expect(await allIsWell()).not.toBe(owner);
  });

  it('is removed from the owner without a failed connection, and purged without a trace', async () => {
    const owner = await allIsWell();
    // What stays open would be waited for.
    const { probe } = await underLoad(() => remove(rig.lab, owner, 'remove', 'fairlead-lbagent'), 0);
    expect(probe.failures).toEqual({});
    await remove(rig.lab, owner, 'purge', 'fairlead-lbagent');
    expect(difference(before.get(owner)!, await traces(rig.lab, owner))).toEqual([]);
  });
});
