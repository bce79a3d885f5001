import { systemClock } from '@fairlead/control-loop';
import { createLogger } from '@fairlead/telemetry';
import { expect, it } from 'vitest';
import { service } from './testing/objects.ts';
import { createTurns } from './turns.ts';

const INGRESS = [{ ip: '10.9.100.1', ports: [] }];

it('whoever waits for an address does not wait behind all who have one, when everything is looked at', async () => {
  const names = ['a', 'b', 'c', 'd', 'new'];
  const seen: string[] = [];
  const turns = createTurns({
    workers: 1,
    clock: systemClock,
    random: () => 0,
    log: createLogger({ component: 'test', level: 'silent' }),
    leads: () => true,
    cluster: {
      synced: true,
      serviceKeys: () => names.map((name) => `shop/${name}`),
      service: (key) => service({ status: { ingress: key === 'shop/new' ? [] : INGRESS } }),
    },
    session: { open: true, heldKeys: () => [], syncNodes: async () => {} },
    async reconcile(key) {
      seen.push(key);
      return undefined;
    },
    announce: () => {},
    onTurn: () => {},
    onFailed: (error) => {
      throw error;
    },
  });
  turns.markAll();
  await expect.poll(() => seen).toEqual(['shop/a', 'shop/new', 'shop/b', 'shop/c', 'shop/d']);
  await turns.stop();
});
