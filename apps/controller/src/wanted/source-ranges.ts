import { type Parsed, parseSourceRange, type Refusal, refusal } from '@fairlead/model';
import { annotationField } from '../annotations/annotations.ts';
import type { ServiceObject } from '../cluster/objects.ts';

export type SourceRanges =
  /** Canonical, none twice, in order; absent: everyone. */
  | { readonly ok: true; readonly ranges?: readonly string[] }
  | { readonly ok: false; readonly refusals: readonly Refusal[] };

/** By its name of old; what the field says goes before it. */
const ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const FIELD = 'spec.loadBalancerSourceRanges';

/** Ranges times ports: so many lines the LB machines keep for one Service. */
const MOST = 10_000;
/** Of many bad ranges the first few say enough. */
const TOLD = 3;

/**
 * Who may connect, by the field, or else by the annotation, as upstream's service controller reads them (GetLoadBalancerSourceRanges
 * of k8s.io/cloud-provider), but strictly: one range that cannot be read refuses them all, and with them the change.
 */
export function sourceRanges({ spec, metadata }: ServiceObject): SourceRanges {
  const { field, texts } = written(spec.loadBalancerSourceRanges, metadata.annotations[ANNOTATION]);
  const read = readAll(texts);
  const refusals = read.flatMap((each, index) =>
    each.ok ? [] : [refusal('INVALID_SOURCE_RANGE', `${field}[${index}]`, `${field}[${index}]: ${ended(each.error)}`)],
  );
  if (refusals.length > 0) return { ok: false, refusals: refusals.slice(0, TOLD) };
  const ranges = [...new Set(read.flatMap((each) => (each.ok ? [each.value] : [])))].sort();
  const lines = ranges.length * spec.ports.length;
  if (lines > MOST) {
    const message = `${field}: ${ranges.length} ranges for ${spec.ports.length} ports are ${lines} lines, and at most ${MOST} are kept: join ranges, or spread the ports over several Services.`;
    return { ok: false, refusals: [refusal('TOO_MANY_SOURCE_RANGES', field, message)] };
  }
  return ranges.length === 0 ? { ok: true } : { ok: true, ranges };
}

/** A Service is looked at far more often than its ranges change, and thousands of them take their time. */
function readAll(texts: readonly string[]): readonly Parsed<string>[] {
  const before = known.get(texts);
  if (before !== undefined) return before;
  const read = texts.map((text) => parseSourceRange(text));
  known.set(texts, read);
  return read;
}

const known = new WeakMap<readonly string[], readonly Parsed<string>[]>();

function written(
  field: readonly string[] | undefined,
  annotation: string | undefined,
): { readonly field: string; readonly texts: readonly string[] } {
  if (field !== undefined && field.length > 0) return { field: FIELD, texts: field };
  const text = annotation?.trim() ?? '';
  return { field: annotationField(ANNOTATION), texts: text === '' ? [] : text.split(',') };
}

/** Says what to write, unless the sentence asks already what was meant. */
function ended(error: string): string {
  return error.endsWith('?') ? error : `${error}; write ranges such as 192.168.0.0/24 or fd12::/64.`;
}
