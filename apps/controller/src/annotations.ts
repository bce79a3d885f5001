/** The annotations that Fairlead knows on a Service, and whether this version serves them. */
const ANNOTATIONS: Readonly<Record<string, 'served' | 'not-served'>> = {
  'fairlead.dev/ip': 'served',
  'fairlead.dev/pool': 'served',
  'fairlead.dev/algorithm': 'not-served',
  'fairlead.dev/backend-mode': 'not-served',
  'fairlead.dev/check': 'not-served',
  'fairlead.dev/check-fall': 'not-served',
  'fairlead.dev/check-interval': 'not-served',
  'fairlead.dev/check-rise': 'not-served',
  'fairlead.dev/load-distribution': 'not-served',
  'fairlead.dev/max-connections': 'not-served',
  'fairlead.dev/proxy-protocol': 'not-served',
  'fairlead.dev/sharing-key': 'not-served',
  'fairlead.dev/timeout-client': 'not-served',
  'fairlead.dev/timeout-connect': 'not-served',
  'fairlead.dev/timeout-server': 'not-served',
  'fairlead.dev/timeout-tunnel': 'not-served',
};

export type AnnotationVerdict =
  | { readonly kind: 'served' }
  | { readonly kind: 'not-served' }
  /** `suggestion`: the known annotation that was probably meant. */
  | { readonly kind: 'unknown'; readonly suggestion?: string };

/** What becomes of an annotation that begins with `fairlead.dev/`. */
export function judgeAnnotation(key: string): AnnotationVerdict {
  const known = Object.hasOwn(ANNOTATIONS, key) ? ANNOTATIONS[key] : undefined;
  if (known !== undefined) return { kind: known };
  const suggestion = nearest(key, Object.keys(ANNOTATIONS));
  return suggestion === undefined ? { kind: 'unknown' } : { kind: 'unknown', suggestion };
}

export function servedAnnotations(): readonly string[] {
  return Object.keys(ANNOTATIONS).filter((key) => ANNOTATIONS[key] === 'served');
}

// Two slips of the finger; in a short name that would be half of it, so one.
function nearest(key: string, known: readonly string[]): string | undefined {
  const allowed = key.length - 'fairlead.dev/'.length < 4 ? 1 : 2;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(key.toLowerCase(), candidate, allowed) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate));
  return ranked[0]?.candidate;
}

/** Levenshtein distance, or `limit + 1` when the lengths alone show that it is more than `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substituted = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substituted, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
