import { address } from '@fairlead/model';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Announcer, createAnnouncer } from './announcer.ts';

let told: string[];
let canTellSome: boolean;
let size: number;
let announcer: Announcer;
beforeEach(() => {
  told = [];
  canTellSome = true;
  size = 1000;
  announcer = createAnnouncer({
    all: (devices) => Promise.resolve(told.push(`all of ${devices.join(' and ')}`)).then(() => 1000),
    size: () => size,
    some: (addresses) => {
      if (canTellSome) told.push(addresses.map((each) => each.address).join(' '));
      return Promise.resolve(canTellSome);
    },
  });
});
afterEach(() => announcer.stop());

const on = (last: number, announce?: false) => ({
  device: 'eth0',
  address: address(`10.0.0.${last}`),
  ...(announce === false ? { announce } : {}),
});

it('a new address is told of at once, by itself, and again half a second later', async () => {
  announcer.request([on(1)]);
  expect(told).toEqual([]);
  await wait(40);
  expect(told).toEqual(['10.0.0.1']);
  await wait(1000);
  expect(told).toEqual(['10.0.0.1', '10.0.0.1']);
});

it('where there are few, all are told of', async () => {
  size = 20;
  announcer.request([on(1)]);
  announcer.request([on(2)]);
  await wait(40);
  expect(told).toEqual(['all of eth0']);
});

it('many at once are told of together, and in storms at most as often as the link can bear', async () => {
  announcer.request(Array.from({ length: 20 }, (_, index) => on(index + 1)));
  await wait(40);
  expect(told).toEqual(['all of eth0']);
  for (let more = 0; more < 100; more += 1) announcer.request([on(100), on(101), on(102)]);
  await wait(1300);
  const all = told.filter((each) => each.startsWith('all'));
  expect(all.length).toBeGreaterThan(1);
  expect(all.length).toBeLessThan(8);
  expect(told.length - all.length).toBeLessThan(8);
});

it('what cannot be told by itself is told with the others', async () => {
  canTellSome = false;
  announcer.request([on(1)]);
  await wait(40);
  expect(told).toEqual(['all of eth0']);
  announcer.request([{ device: 'eth1', address: address('fd00::1') }]);
  await wait(700);
  expect(told[1]).toContain('eth1');
});

it('one of IPv6 is told of with all others, again as soon as the link can bear it, and half a second later', async () => {
  size = 20;
  announcer.request([{ device: 'eth0', address: address('fd00::1') }]);
  await wait(40);
  expect(told).toEqual(['all of eth0']);
  await wait(2000);
  expect(told).toEqual(['all of eth0', 'all of eth0', 'all of eth0']);
});

it('an address that somebody else routes here is not told of', async () => {
  announcer.request([on(1, false)]);
  await wait(1000);
  expect(told).toEqual([]);
});
