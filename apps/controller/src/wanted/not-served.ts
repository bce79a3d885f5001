import type { Refusal } from '@fairlead/model';
import { refusal } from '@fairlead/model';
import type { ServiceSpec } from '../cluster/objects.ts';

/** What no version could serve of a Service, or this one does not: one refusal each, so that nothing is ignored in silence. */
export function refusedFields(spec: ServiceSpec): Refusal[] {
  const refusals: Refusal[] = [];
  const refuse = (reason: string, field: string, sentence: string): void => {
    refusals.push(refusal(reason, `spec.${field}`, `spec.${field}: ${sentence}`));
  };
  if (spec.ports.length === 0) refuse('NO_PORTS', 'ports', 'a load balancer needs at least one port.');
  for (const index of repeatedPorts(spec)) {
    const sentence = 'an earlier port has the same number and protocol; remove one of the two.';
    refuse('DUPLICATE_PORT', `ports[${index}]`, sentence);
  }
  const policy = spec.externalTrafficPolicy;
  if (policy !== undefined && policy !== 'Cluster' && policy !== 'Local') {
    refuse(
      'TRAFFIC_POLICY_NOT_SERVED',
      'externalTrafficPolicy',
      `${quote(policy)} is not known; set it to Cluster or Local.`,
    );
  }
  if (policy === 'Local' && !isNodePort(spec.healthCheckNodePort)) {
    refuse(
      'HEALTH_CHECK_NODE_PORT_MISSING',
      'healthCheckNodePort',
      'policy Local needs the port on which nodes say whether they have ready pods; let the API server choose one by leaving it out.',
    );
  }
  return refusals;
}

function repeatedPorts({ ports }: ServiceSpec): number[] {
  const seen = new Set<string>();
  return ports.flatMap(({ port, protocol = 'TCP' }, index) => {
    const key = `${port}/${protocol}`;
    if (seen.has(key)) return [index];
    seen.add(key);
    return [];
  });
}

function isNodePort(port: number | undefined): boolean {
  return port !== undefined && port >= 1 && port <= 65_535;
}

/** Text of a user's, short and with control characters escaped. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
