import type { Refusal } from '@fairlead/model';
import { refusal } from '@fairlead/model';
import { judgeAnnotation, servedAnnotations } from './annotations.ts';
import type { ServiceSpec } from './cluster/objects.ts';
import { OURS } from './cluster/objects.ts';

/** Fields of a Service that this version does not serve: one refusal each, so that nothing is ignored in silence. */
export function refusedFields(spec: ServiceSpec): Refusal[] {
  const refusals: Refusal[] = [];
  const refuse = (reason: string, field: string, sentence: string): void => {
    refusals.push(refusal(reason, `spec.${field}`, `spec.${field}: ${sentence}`));
  };
  if (spec.ports.length === 0) refuse('NO_PORTS', 'ports', 'a load balancer needs at least one port.');
  if ((spec.loadBalancerSourceRanges ?? []).length > 0) {
    refuse(
      'SOURCE_RANGES_NOT_SERVED',
      'loadBalancerSourceRanges',
      'source ranges are not served yet; remove them, or restrict clients by a NetworkPolicy or a firewall.',
    );
  }
  if (spec.sessionAffinity !== undefined && spec.sessionAffinity !== 'None') {
    refuse(
      'AFFINITY_NOT_SERVED',
      'sessionAffinity',
      `${quote(spec.sessionAffinity)} is not served yet; set it to None.`,
    );
  }
  if ((spec.ipFamilies ?? []).some((family) => family !== 'IPv4')) {
    refuse(
      'FAMILY_NOT_SERVED',
      'ipFamilies',
      'only IPv4 is served; set ipFamilies to [IPv4] and ipFamilyPolicy to SingleStack.',
    );
  } else if (spec.ipFamilyPolicy === 'RequireDualStack') {
    refuse('FAMILY_NOT_SERVED', 'ipFamilyPolicy', 'only IPv4 is served; set ipFamilyPolicy to SingleStack.');
  }
  if (spec.allocateLoadBalancerNodePorts === false) {
    refuse(
      'POD_MODE_NOT_SERVED',
      'allocateLoadBalancerNodePorts',
      'load balancers reach pods through node ports; remove this field or set it to true.',
    );
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

const FOREIGN_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** Annotations that would be ignored: ours that are not served or not known, and source ranges by their old name. */
export function refusedAnnotations(annotations: Readonly<Record<string, string>>): Refusal[] {
  const refusals: Refusal[] = [];
  for (const key of Object.keys(annotations).sort()) {
    const at = `metadata.annotations[${key.slice(0, 128)}]`;
    if (key === FOREIGN_RANGES) {
      refusals.push(
        refusal('SOURCE_RANGES_NOT_SERVED', at, `${at}: source ranges are not served yet; remove the annotation.`),
      );
    } else if (key.startsWith(OURS)) {
      refusals.push(...refusedAnnotation(key, at));
    }
  }
  return refusals;
}

function refusedAnnotation(key: string, at: string): Refusal[] {
  const verdict = judgeAnnotation(key);
  if (verdict.kind === 'served') return [];
  if (verdict.kind === 'not-served') {
    return [refusal('ANNOTATION_NOT_SERVED', at, `${at}: this annotation is not served yet; remove it.`)];
  }
  const advice =
    verdict.suggestion === undefined
      ? `use one of ${servedAnnotations().join(', ')}, or remove it.`
      : `did you mean ${verdict.suggestion}?`;
  return [refusal('UNKNOWN_ANNOTATION', at, `${at}: unknown annotation; ${advice}`)];
}

function isNodePort(port: number | undefined): boolean {
  return port !== undefined && port >= 1 && port <= 65_535;
}

/** Text of a user's, short and with control characters escaped. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
