import { atRest } from './at-rest.ts';
import { backendChange } from './backend-change.ts';
import { burst } from './burst.ts';
import { datagrams } from './datagrams.ts';
import { machineShare } from './machine-share.ts';
import { newService } from './new-service.ts';
import { nodeFlap } from './node-flap.ts';
import { outage, outageOfMany } from './outage.ts';
import { requests } from './requests.ts';
import type { Scenario } from '../scenario.ts';
import { throughput } from './throughput.ts';

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  newService,
  machineShare,
  burst,
  backendChange,
  nodeFlap,
  outage,
  outageOfMany,
  requests,
  throughput,
  datagrams,
  atRest,
];
