import type { Scenario } from './scenario.ts';

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [];
