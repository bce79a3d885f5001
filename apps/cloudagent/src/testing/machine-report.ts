import type { MachineReport } from '@fairlead/model';

/** What a machine says that has applied nothing and has nothing to tell, but for `more`. */
export function machineReport(more: Partial<MachineReport> = {}): MachineReport {
  return {
    applied: { epoch: 0, generation: 0 },
    refused: [],
    ownedInstances: [],
    driftRepaired: 0,
    haproxyReloads: 0,
    capabilities: { agentVersion: '', haproxyVersion: '', keepalivedVersion: '', kernelVersion: '' },
    down: [],
    unanswered: [],
    draining: [],
    findings: [],
    clock: '',
    applyMicros: 0,
    traceparent: '',
    ...more,
  };
}
