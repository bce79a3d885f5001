import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { startKubernetes, type Kubernetes } from './kubernetes.ts';
import { eventually } from './loopback.ts';
import { createNode, services, startRig, type RawService, type Rig } from './rig.ts';

/** What the tests of one file share; there from the first test on. */
export interface Stage {
  readonly rig: Rig;
  readonly service: ReturnType<typeof services>;
}

/** One API server for the tests of a file. Each test finds one node, and leaves nothing. */
export function stageForTests(): Stage {
  let kubernetes: Kubernetes;
  let rig: Rig;
  let service: Stage['service'];
  beforeAll(async () => {
    kubernetes = await startKubernetes();
    rig = await startRig(kubernetes);
    service = services(rig.admin);
  });
  beforeEach(async () => {
    await createNode(rig.admin, 'node-1', '10.1.0.1');
  });
  afterEach(async () => {
    await rig.clean();
  });
  afterAll(async () => {
    await rig?.stop();
    await kubernetes?.stop();
  });
  return {
    get rig() {
      return rig;
    },
    get service() {
      return service;
    },
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `STATUS REASON` of each condition, by its type. */
export function conditions(found: RawService): Record<string, string> {
  return Object.fromEntries(
    (found.status.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
}

/** The reasons of a Service's events, once there are so many. */
export async function reasons({ service }: Stage, name: string, count: number): Promise<string[]> {
  return eventually(`${count} events of ${name}`, async () => {
    const found = await service.events(name);
    return found.length >= count && found.map(({ reason }) => reason).sort();
  });
}
