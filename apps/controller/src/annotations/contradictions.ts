import { type Refusal, refusal } from '@fairlead/model';
import { annotationField, type AnnotationKey, type AnnotationValues, forTcpAlone } from './annotations.ts';
import type { ServiceSpec } from '../cluster/objects.ts';

/** Values that are sound by themselves and cannot be honoured beside what else the Service says: a refusal each. PURE. */
export function contradictions(spec: ServiceSpec, values: AnnotationValues): readonly Refusal[] {
  const rules = [...amongEachOther(spec, values), ...withoutTcp(spec, values), ...proxyProtocolOf(spec, values)];
  return rules.flatMap(([key, broken, sentence]) => {
    if (!broken || values[key] === undefined) return [];
    const field = annotationField(key);
    return [refusal('INVALID_ANNOTATION', field, `${field}: ${sentence}`)];
  });
}

/** An annotation, whether it breaks the rule where it is there, and what to say then. */
type Rule = readonly [AnnotationKey, boolean, string];

const PACE: readonly AnnotationKey[] = [
  'fairlead.dev/check-interval',
  'fairlead.dev/check-rise',
  'fairlead.dev/check-fall',
];

function amongEachOther({ externalTrafficPolicy }: ServiceSpec, values: AnnotationValues): readonly Rule[] {
  const check = values['fairlead.dev/check'];
  const algorithm = values['fairlead.dev/algorithm'];
  return [
    [
      'fairlead.dev/load-distribution',
      algorithm !== undefined &&
        values['fairlead.dev/load-distribution'] !== (algorithm === 'source' ? 'SourceIP' : 'Default'),
      `contradicts fairlead.dev/algorithm, which is ${algorithm}; remove one of the two.`,
    ],
    [
      'fairlead.dev/check',
      externalTrafficPolicy === 'Local',
      'with externalTrafficPolicy Local nodes are asked at healthCheckNodePort; remove the annotation.',
    ],
    [
      'fairlead.dev/check-status',
      check?.kind !== 'http',
      'only an HTTP check has a status; set fairlead.dev/check to http:PATH.',
    ],
    ...PACE.map((key): Rule => [
      key,
      check?.kind === 'node',
      'the check of the node is shared by all Services; set fairlead.dev/check to node-port or http:PATH.',
    ]),
  ];
}

/** What would mean nothing, because the Service has no TCP port that it could be for. */
function withoutTcp(spec: ServiceSpec, values: AnnotationValues): readonly Rule[] {
  if (portsOf(spec, 'TCP').length > 0) return [];
  const algorithm = values['fairlead.dev/algorithm'];
  // The node is what is asked for UDP anyway; and so is healthCheckNodePort, at the pace that is written here.
  const isMeant = (key: AnnotationKey): boolean =>
    PACE.includes(key)
      ? spec.externalTrafficPolicy === 'Local'
      : key === 'fairlead.dev/check' && values[key]?.kind === 'node';
  return [
    ...forTcpAlone().map((key): Rule => [
      key,
      !isMeant(key),
      'is for TCP ports, of which this Service has none; remove it.',
    ]),
    [
      'fairlead.dev/algorithm',
      algorithm === 'roundrobin' || algorithm === 'leastconn',
      `${algorithm} is for TCP ports, of which this Service has none; flows of UDP are spread by a hash: write source or hash, or remove it.`,
    ],
  ];
}

/** The kernel forwards datagrams as they are; who asks that his backends be told of clients must not find out by himself. */
function proxyProtocolOf(spec: ServiceSpec, values: AnnotationValues): readonly Rule[] {
  const key = 'fairlead.dev/proxy-protocol';
  const wanted = values[key];
  const [tcp, udp] = [portsOf(spec, 'TCP'), portsOf(spec, 'UDP')];
  if (wanted === undefined || tcp.length === 0) return [];
  if (wanted.ports === 'all') {
    const sentence = `the PROXY protocol is not served for UDP, which port ${udp[0]} is; name the TCP ports that are to have it, as in v${wanted.version}:${tcp.slice(0, 8).join(',')}.`;
    return [[key, udp.length > 0, sentence]];
  }
  const strange = wanted.ports.find((port) => !tcp.includes(port));
  const sentence =
    strange !== undefined && udp.includes(strange)
      ? `port ${strange} is UDP, for which the PROXY protocol is not served; take it out of the list.`
      : `${strange} is no TCP port of this Service; name those it has.`;
  return [[key, strange !== undefined, sentence]];
}

function portsOf({ ports }: ServiceSpec, wanted: 'TCP' | 'UDP'): readonly number[] {
  return ports.filter(({ protocol = 'TCP' }) => protocol === wanted).map(({ port }) => port);
}
