import * as z from 'zod';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';
import type { Read, SourceText } from './read-yaml.ts';
import { clusterSpec } from './schema/cluster.ts';
import { choice, labels, name } from './schema/fields.ts';
import { loadBalancerSetSpec } from './schema/load-balancer-set.ts';
import { loadBalancerSpec, staticLoadBalancer } from './schema/load-balancer.ts';
import { machineSpec } from './schema/machine.ts';
import { networkSpec } from './schema/network.ts';
import { nodeIpPoolSpec, vipPoolSpec } from './schema/pools.ts';
import { API_VERSION, RESOURCE_KINDS } from './types.ts';
import type { JsonObject, Resource, ResourceDocument, ResourceKind } from './types.ts';
import { formatPath } from './violation.ts';
import type { Path, Violation } from './violation.ts';

/** A resource that makes sense by itself, and where each field of it was written. */
export interface Declaration {
  readonly resource: Resource;
  readonly source: string;
  readonly lineOf: (path: Path) => number;
}

export interface Parsing {
  readonly declarations: readonly Declaration[];
  /** Not empty: nothing of it may be applied. */
  readonly violations: readonly Violation[];
  /** `Kind/name` of those with violations: others may still refer to them. */
  readonly broken: ReadonlySet<string>;
}

const SPECS = {
  Network: networkSpec,
  VipPool: vipPoolSpec,
  NodeIpPool: nodeIpPoolSpec,
  LoadBalancerSet: loadBalancerSetSpec,
  Machine: machineSpec,
  Cluster: clusterSpec,
  LoadBalancer: loadBalancerSpec,
} as const satisfies Record<ResourceKind, z.ZodType>;

type StaticSpec = z.output<typeof loadBalancerSpec>;

const metadata = z.strictObject({
  name,
  labels: labels.default({}),
  annotations: z.record(z.string(), z.string()).optional(),
  namespace: z
    .unknown()
    .optional()
    .refine((value) => value === undefined, { error: "a site's resources have no namespace: remove it" }),
});

/** `status` is what `get` adds; it is taken so that its output can be applied again, and means nothing here. */
const envelope = z.strictObject({
  apiVersion: z.literal(API_VERSION, { error: `write apiVersion: ${API_VERSION}` }),
  kind: choice(RESOURCE_KINDS),
  metadata,
  spec: z.unknown().optional(),
  status: z.unknown().optional(),
});

/**
 * Reads YAML of any origin. Never throws. All violations of all documents at once, in order of source and line;
 * `declaredIn` is put on every resource.
 */
export function parse(texts: readonly SourceText[], declaredIn: (source: string) => string = () => ''): Parsing {
  const declarations: Declaration[] = [];
  const violations: Violation[] = [];
  const broken = new Set<string>();
  for (const text of texts) {
    const read = readYaml(text);
    violations.push(...read.violations);
    for (const document of read.documents.flatMap(unpackList)) {
      const outcome = parseOne(document, declaredIn(text.source));
      if ('resource' in outcome) declarations.push(outcome);
      else {
        violations.push(...outcome.violations);
        if (outcome.key !== undefined) broken.add(outcome.key);
      }
    }
  }
  return { declarations, violations, broken };
}

/** `kind: List` is what `kubectl get -o yaml` prints for several. */
function unpackList(read: Read): Read[] {
  const { value } = read;
  if (!isObject(value) || value['kind'] !== 'List' || !Array.isArray(value['items'])) return [read];
  return value['items'].map((item, index) => ({
    value: item,
    source: read.source,
    lineOf: (path) => read.lineOf(['items', index, ...path]),
  }));
}

type Failed = { readonly key: string | undefined; readonly violations: readonly Violation[] };

function parseOne(read: Read, declaredIn: string): Declaration | Failed {
  const { value, source, lineOf } = read;
  const fields = isObject(value) ? value : {};
  const outer = envelope.safeParse(value, { reportInput: true });
  const kind = RESOURCE_KINDS.find((candidate) => candidate === fields['kind']);
  const inner = kind === undefined ? undefined : SPECS[kind].safeParse(fields['spec'], { reportInput: true });
  if (outer.success && inner?.success === true && kind !== undefined) {
    const { name, labels } = outer.data.metadata;
    const document = documentOf(outer.data, fields['spec'] as JsonObject);
    const spec = kind === 'LoadBalancer' ? staticLoadBalancer({ name, labels }, inner.data as StaticSpec) : inner.data;
    return { resource: { kind, name, labels, declaredIn, document, spec } as Resource, source, lineOf };
  }
  const key = keyOf(fields);
  const explain = (schema: z.ZodType, prefix: Path, error: z.ZodError | undefined) =>
    (error?.issues ?? [])
      .flatMap((issue) => explainIssue(issue, schema))
      .map(({ path, message }) => violationAt(read, key, { path: [...prefix, ...path], message }));
  const violations = [
    ...explain(envelope, [], outer.error),
    ...(kind === undefined ? [] : explain(SPECS[kind], ['spec'], inner?.error)),
  ];
  return { key, violations: violations.sort((a, b) => a.line - b.line) };
}

function documentOf({ kind, metadata }: z.output<typeof envelope>, spec: JsonObject): ResourceDocument {
  const { name, labels, annotations } = metadata;
  const kept = {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { apiVersion: API_VERSION, kind, metadata: { name, ...kept }, spec };
}

/** `Kind/name`, as far as both were written. */
function keyOf(fields: JsonObject): string | undefined {
  const { kind, metadata } = fields;
  const name = isObject(metadata) ? metadata['name'] : undefined;
  if (typeof kind !== 'string') return undefined;
  return typeof name === 'string' ? `${kind.slice(0, 64)}/${name.slice(0, 64)}` : kind.slice(0, 64);
}

function violationAt(
  read: Read,
  key: string | undefined,
  { path, message }: { path: Path; message: string },
): Violation {
  const field = [key ?? '', formatPath(path)].filter((part) => part !== '').join(' ');
  return { source: read.source, line: read.lineOf(path), field, message };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
