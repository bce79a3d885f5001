import { backendChange } from './backend-change.ts';
import { machineShare } from './machine-share.ts';
import { outage, outageOfMany } from './outage.ts';
import type { Scenario } from './scenario.ts';
import { throughput } from './throughput.ts';

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [machineShare, backendChange, outage, outageOfMany, throughput];
