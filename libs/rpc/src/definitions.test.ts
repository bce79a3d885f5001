import * as pb from '#gen';
import { expect, it } from 'vitest';
import * as definitions from './definitions.ts';
import { received } from './definitions.ts';

it('every method of the contract has its path and its directions', () => {
  const { MachineService, SiteService, LoadBalancersService } = definitions;
  expect(Object.keys(LoadBalancersService).sort()).toEqual([
    'delete',
    'ensure',
    'openSession',
    'syncNodes',
    'watchStatus',
  ]);
  expect(MachineService.sync).toMatchObject({
    path: '/fairlead.v1.MachineService/Sync',
    requestStream: true,
    responseStream: true,
  });
  expect(SiteService.watch).toMatchObject({ requestStream: false, responseStream: true });
  expect(SiteService.deleteResource.path).toBe('/fairlead.v1.SiteService/DeleteResource');
});

it('what arrives has every default, and numbers are numbers', () => {
  const message = received(pb.OpenSessionResponse, { held: [{ id: 'a' }] });
  expect([message.session, message.held[0]?.namespace, message.nodeCidrs]).toEqual([0, '', []]);
  expect(received(pb.OpenSessionResponse, { session: Number.MAX_SAFE_INTEGER }).session).toBe(Number.MAX_SAFE_INTEGER);
  expect(received(pb.CreateJoinTokenResponse, { expires: { seconds: 5 } }).expires?.seconds).toBe(5);
});
