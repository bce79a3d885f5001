import {
  CertificatesService,
  GrpcHealthService,
  HealthService,
  IdentityService,
  LoadBalancersService,
  MachineService,
  MachinesService,
  SiteService,
  type Caller,
} from '@fairlead/rpc';
import { describe, expect, it } from 'vitest';
import { isRole, whyNot, whyNotForCluster, type Role } from './authorise.ts';

const site = 'lab';
const callers = {
  anonymous: { kind: 'anonymous' },
  'admin-socket': { kind: 'admin-socket' },
  cloudagent: { kind: 'cloudagent', site },
  controller: { kind: 'controller', site, name: 'prod' },
  lbagent: { kind: 'lbagent', site, name: 'lb-1' },
  stranger: { kind: 'operator', site, name: 'stranger' },
  reader: { kind: 'operator', site, name: 'reader' },
  operator: { kind: 'operator', site, name: 'operator' },
  admin: { kind: 'operator', site, name: 'admin' },
} as const satisfies Record<string, Caller>;

const roleOf = (name: string): Role | undefined => (isRole(name) ? name : undefined);
const mayCall = (method: string): string[] =>
  Object.entries(callers).flatMap(([name, caller]) => (whyNot(caller, method, roleOf) === undefined ? [name] : []));

const everybody = Object.keys(callers);
const members = everybody.filter((name) => name !== 'anonymous');

describe('who may call what', () => {
  it.each([
    [HealthService.checkHealth.path, members],
    [GrpcHealthService.check.path, members],
    [LoadBalancersService.ensure.path, ['controller']],
    [LoadBalancersService.watchStatus.path, ['controller']],
    [SiteService.show.path, ['admin-socket', 'reader', 'operator', 'admin']],
    [SiteService.watch.path, ['admin-socket', 'reader', 'operator', 'admin']],
    [SiteService.apply.path, ['admin-socket', 'operator', 'admin']],
    [SiteService.deleteResource.path, ['admin-socket', 'operator', 'admin']],
    [MachinesService.add.path, ['admin-socket', 'operator', 'admin']],
    [CertificatesService.listCertificates.path, ['admin-socket', 'reader', 'operator', 'admin']],
    [CertificatesService.createJoinToken.path, ['admin-socket', 'admin']],
    [IdentityService.enrol.path, everybody],
    [MachineService.sync.path, []],
    ['/fairlead.v1.SiteService/Unheard', []],
    ['constructor', []],
    ['', []],
  ])('%s: %j', (method, allowed) => {
    expect(mayCall(method)).toEqual(allowed);
  });

  it('knows every method that a cloudagent serves', () => {
    const services = [CertificatesService, GrpcHealthService, HealthService, IdentityService, LoadBalancersService];
    const methods = [...services, MachinesService, SiteService].flatMap((one) =>
      Object.values(one).map(({ path }) => path),
    );
    expect(methods.filter((method) => mayCall(method).length === 0)).toEqual([]);
  });

  it('tells an operator without a record where to get a role', () => {
    expect(whyNot(callers.stranger, SiteService.show.path, roleOf)).toContain('fairlead tokens create');
  });
});

describe('a controller', () => {
  it('acts for its own cluster and for no other', () => {
    expect(whyNotForCluster(callers.controller, 'prod')).toBeUndefined();
    expect(whyNotForCluster(callers.controller, 'test')).toContain('may not act for cluster "test"');
    expect(whyNotForCluster(callers.controller, '')).toBeDefined();
    expect(whyNotForCluster(callers.lbagent, 'lb-1')).toBeDefined();
    expect(whyNotForCluster(callers.admin, 'prod')).toBeDefined();
  });
});
