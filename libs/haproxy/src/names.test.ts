import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { backendId, backendIdHasProfile, backendName, frontendName, mapKey, parseSlotName, slotName } from './names.ts';
import { profileName } from './profile.ts';
import { PROFILES } from './testing/example-options.ts';

const VIP = address('192.168.0.157');

it('backends and frontends are called as they always were', () => {
  expect([backendName(VIP, 80), frontendName(VIP, 80), mapKey(VIP, 80)]).toEqual([
    'backend_192.168.0.157_80',
    'frontend_192.168.0.157_80',
    '192.168.0.157|80',
  ]);
});

it('a slot says its profile and its number; no other backend passes for one', () => {
  for (const profile of PROFILES) {
    expect(parseSlotName(slotName(profile, 12))).toEqual({ profile: profileName(profile), index: 12 });
  }
  for (const other of ['backend_192.168.0.157_80', 'nodes_healthz', 'slot_plain', 'slot_plain_x']) {
    expect(parseSlotName(other)).toBeUndefined();
  }
});

it("a named backend's id says its profile and no other", () => {
  const last = 2 ** 17 - 1;
  for (const profile of PROFILES) {
    for (const index of [0, 1, last]) {
      const id = backendId(profile, index);
      expect(id > 0 && id <= 0x7fffffff).toBe(true);
      expect(PROFILES.filter((each) => backendIdHasProfile(id, each))).toEqual([profile]);
    }
  }
});
