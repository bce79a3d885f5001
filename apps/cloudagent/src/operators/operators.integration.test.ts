import { decodeJoinToken } from '@fairlead/certs';
import { loadBalancerToProto, pb } from '@fairlead/rpc';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { siteYaml } from '@fairlead/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { service } from '../testing/site.ts';
import { WholeSite } from '../testing/whole-site.ts';

let site: WholeSite;

beforeEach(() => {
  site = new WholeSite();
});
afterEach(() => site.close());

const SERVING = pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING;
const pool = (range: string) => `apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec: {network: lan, ranges: [${range}], quarantine: 0s}
`;

async function ensure(name: string): Promise<void> {
  const controller = await site.controller();
  const { session } = await controller.openSession({ cluster: 'prod', holder: 'test' });
  await controller.ensure({ session, loadBalancer: loadBalancerToProto(service(name)) });
}

describe('applying', () => {
  it('takes all documents or none, and tells every mistake with its line', async () => {
    await site.start();
    const documents = [
      { yaml: siteYaml().replace('gateways', 'gatewys').replace('10.0.0.0/24', '10.0.0.1/24'), source: 'f.yaml' },
    ];
    const { applied, violations } = await site.site.apply({ documents, dryRun: false });
    expect(applied).toEqual([]);
    expect(violations.length).toBeGreaterThanOrEqual(2);
    expect(violations[0]).toMatchObject({ source: 'f.yaml', line: 4 });
    expect((await site.site.list({ kind: 'Network' })).resources).toEqual([]);
  });

  it('says what was made, changed and left, and only checks when asked to', async () => {
    await site.start();
    const documents = [{ yaml: siteYaml(), source: 'stdin' }];
    const planned = await site.site.apply({ documents, dryRun: true });
    expect(planned.applied).toContainEqual({ kind: 'Network', name: 'lan', result: 'created' });
    expect((await site.site.list({ kind: 'Network' })).resources).toEqual([]);
    await site.site.apply({ documents, dryRun: false });
    const again = await site.site.apply({ documents, dryRun: false });
    expect(new Set(again.applied.map(({ result }) => result))).toEqual(new Set(['unchanged']));
    expect(await site.apply(pool('10.0.0.150-10.0.0.170'))).toEqual([]);
    const { resource } = await site.site.get({ kind: 'VipPool', name: 'default' });
    expect(JSON.parse(resource!.json)).toMatchObject({ status: { total: '21', free: '21', held: '0' } });
  });

  it('cannot shrink a pool below what is held, nor delete what is in use, and says by what', async () => {
    await site.start();
    await site.declare();
    await ensure('front');
    const held = '10.0.0.150 is held by prod/shop/front';
    expect((await site.apply(pool('10.0.0.160-10.0.0.170'))).join()).toContain(held);
    const deleting = (kind: string, name: string) => site.site.deleteResource({ kind, name });
    await expect(deleting('VipPool', 'default')).rejects.toThrow(/LoadBalancerSet\/default/);
    await expect(deleting('Cluster', 'prod')).rejects.toThrow(/Cluster\/prod is in use: prod\/shop\/front/);
    await expect(deleting('Network', 'nothing')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  it('cannot change what a file declares, and says where that is', async () => {
    const file = join(site.directory, 'site.yaml');
    writeFileSync(file, siteYaml());
    await site.start({ site: file });
    expect((await site.apply(pool('10.0.0.150-10.0.0.170'))).join()).toContain(`declared in ${file}`);
    await expect(site.site.deleteResource({ kind: 'Machine', name: 'lb-2' })).rejects.toThrow(file);
  });

  it('serves a control plane as soon as its cluster is declared, and frees it with it', async () => {
    await site.start();
    await site.declare();
    const cluster = `apiVersion: fairlead.dev/v1
kind: Cluster
metadata: {name: edge}
spec: {loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], controlPlane: {port: 6443, address: 10.0.0.155, backends: [10.0.0.110]}}
`;
    expect(await site.apply(cluster)).toEqual([]);
    const machine = site.machines.get('lb-1')!;
    await vi.waitFor(() => expect(machine.state!.loadBalancers.has('control-plane/edge')).toBe(true));
    await vi.waitFor(async () => {
      const { resource } = await site.site.get({ kind: 'Cluster', name: 'edge' });
      expect(JSON.parse(resource!.json)).toMatchObject({
        status: { controlPlane: { state: 'SERVING', addresses: ['10.0.0.155'] } },
      });
    });
    await site.site.deleteResource({ kind: 'Cluster', name: 'edge' });
    await vi.waitFor(() => expect(machine.state!.loadBalancers.size).toBe(0));
  });
});

describe('adding a machine', () => {
  it('gives it the next free address, a resource and a token; again gives the same machine a new token', async () => {
    await site.start();
    await site.apply(siteYaml({ machines: ['lb-1'] }));
    const request = { name: 'lb-9', loadBalancerSet: 'default', agentAddress: '', device: 'ens3' };
    const added = await site.machinesService.add(request);
    expect(added.agentAddress).toBe('10.0.0.21');
    expect(decodeJoinToken(added.joinToken)).toMatchObject({ token: { kind: 'lbagent', name: 'lb-9', site: 'test' } });
    const { resource } = await site.site.get({ kind: 'Machine', name: 'lb-9' });
    expect(JSON.parse(resource!.json)).toMatchObject({ spec: { interfaces: [{ network: 'lan', device: 'ens3' }] } });
    const again = await site.machinesService.add(request);
    expect(again.agentAddress).toBe('10.0.0.21');
    expect(again.joinToken).not.toBe(added.joinToken);
    expect(JSON.stringify(site.lines)).not.toContain(added.joinToken);
  });

  it('is refused with the reason when the set, the name or the address cannot be', async () => {
    await site.start();
    await site.apply(siteYaml());
    const add = (more: object) =>
      site.machinesService.add({ name: 'lb-9', loadBalancerSet: 'default', agentAddress: '', device: '', ...more });
    await expect(add({ loadBalancerSet: 'none' })).rejects.toThrow(/there is no LoadBalancerSet "none"/);
    await expect(add({ agentAddress: '10.0.0.20' })).rejects.toThrow(/lb-1/);
    await expect(add({ agentAddress: '10.0.0.29' })).rejects.toThrow(/VRRP address/);
    await expect(add({ name: 'Bad Name' })).rejects.toMatchObject({ status: 'INVALID_ARGUMENT' });
  });
});

describe('looking', () => {
  it('shows the site on one screen', async () => {
    await site.start();
    await site.declare();
    await ensure('front');
    await vi.waitFor(async () => {
      const shown = await site.site.show({});
      expect(shown).toMatchObject({
        site: 'test',
        clusters: [{ name: 'prod', sessionHolder: 'test', watching: false }],
        pools: [{ name: 'default', total: '10', free: '9', held: 1 }],
        machines: [
          { name: 'lb-1', connected: true, lagGenerations: 0, ownedInstances: ['default'] },
          { name: 'lb-2', connected: true, lagGenerations: 0 },
        ],
        loadBalancers: [{ name: 'front', ports: ['80/TCP'], status: { state: SERVING, addresses: ['10.0.0.150'] } }],
      });
    });
  });

  it('shows a machine whose clock is off, until it is set', async () => {
    await site.start();
    await site.declare();
    const machine = site.machines.get('lb-2')!;
    const findings = async () => {
      machine.report();
      return (await site.site.show({})).machines.map((each) => each.findings);
    };
    machine.clockAheadMs = -2 * 3_600_000;
    const behind = expect.stringMatching(
      /^its clock is 2 hours behind that of the cloudagent: set the one that is wrong/,
    );
    await vi.waitFor(async () => expect(await findings()).toEqual([[], [behind]]));
    const { resource } = await site.site.get({ kind: 'Machine', name: 'lb-2' });
    expect(JSON.parse(resource!.json)).toMatchObject({ status: { findings: [behind] } });
    machine.clockAheadMs = 0;
    await vi.waitFor(async () => expect(await findings()).toEqual([[], []]));
  });

  it('watches a kind: everything once, then what changes', async () => {
    await site.start();
    await site.apply(siteYaml());
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of site.site.watch({ kind: 'Machine' }, { signal: stop.signal })) {
        seen.push(event.upserted?.name ?? (event.removedName || 'all'));
      }
    })();
    await vi.waitFor(() => expect(seen).toEqual(['lb-1', 'lb-2', 'all']));
    await site.site.deleteResource({ kind: 'Machine', name: 'lb-2' });
    await vi.waitFor(() => expect(seen).toContain('lb-2'));
    stop.abort();
    await expect(watching).rejects.toThrow(/abort/i);
  });

  it('tells health and metrics without a machine keeping it from being ready', async () => {
    await site.start();
    await site.apply(siteYaml());
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${site.ports.metrics}${path}`)).text();
    expect(await get('/readyz')).toBe('ok\n');
    const metrics = await get('/metrics');
    for (const line of [
      'fairlead_pool_free{pool="default"} 10',
      'fairlead_machine_connected{machine="lb-1",set="default"} 0',
      'fairlead_load_balancers{state="SERVING"} 0',
      'fairlead_store_commit_seconds_count',
      'fairlead_certificate_seconds_left',
    ]) {
      expect(metrics).toContain(line);
    }
  });
});
