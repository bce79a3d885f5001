import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { machineConfig } from './machine.fixture.ts';
import { ownedInstances, parseVrrpLine } from './state.ts';

const config = machineConfig({ name: 'lb-1', advertIntervalMs: 100, vips: [] });

describe('ownedInstances', () => {
  const seen = (text: string, device: string) => ({
    links: [],
    addresses: [{ device, address: address(text), prefixLength: 32, ours: false }],
  });

  it('are those whose anchor is on its link', () => {
    expect(ownedInstances(config, seen('10.9.0.100', 'eth0'))).toEqual(['edge-1']);
  });

  it('are none when the anchor is elsewhere or missing', () => {
    expect(ownedInstances(config, seen('10.9.0.100', 'eth1'))).toEqual([]);
    expect(ownedInstances(config, seen('10.9.0.101', 'eth0'))).toEqual([]);
  });
});

describe('parseVrrpLine', () => {
  it.each([
    ['INSTANCE "edge-1" MASTER 250', { instance: 'edge-1', state: 'MASTER', announce: false }],
    ['INSTANCE "edge-1" BACKUP 250', { instance: 'edge-1', state: 'BACKUP', announce: false }],
    ['INSTANCE "edge-1" FAULT 250', { instance: 'edge-1', state: 'FAULT', announce: false }],
    ['INSTANCE "edge-1" STOP 250', { instance: 'edge-1', state: 'STOP', announce: false }],
    ['INSTANCE "edge-1" MASTER_RX_LOWER_PRI 250', { instance: 'edge-1', state: 'MASTER', announce: true }],
    ['GROUP "all" MASTER 250', undefined],
    ['INSTANCE "edge-1" BACKUP_RX_SOMETHING 250', undefined],
    ['', undefined],
  ])('reads %j', (line, event) => {
    expect(parseVrrpLine(line)).toEqual(event);
  });
});
