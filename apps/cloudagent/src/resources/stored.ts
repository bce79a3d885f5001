import { parse } from './parse.ts';
import type { Declaration } from './parse.ts';
import type { Json, JsonObject, Resource } from './types.ts';

/** Version of the stored form: grows when old text must be read differently. */
const SCHEMA = 1;

/** The record that is stored for a resource: what its author wrote, and where. */
export function resourceToText({ declaredIn, document }: Resource): string {
  return JSON.stringify({ schema: SCHEMA, declaredIn, document });
}

/**
 * The resource of a stored record, judged by the same rules as what an operator writes.
 * Throws when they refuse it: it was written by a newer version, or by hand.
 */
export function resourceFromText(text: string): Resource {
  const record = JSON.parse(text) as { schema: number; declaredIn: string; document: JsonObject };
  if (record.schema !== SCHEMA) {
    throw new Error(
      `a stored resource has schema ${record.schema}, this version reads ${SCHEMA}: use the newer version again`,
    );
  }
  return trusted(JSON.stringify(record.document), record.declaredIn).resource;
}

/** The resource of a document that a program made. Throws when the rules refuse it. */
export function resourceOf(document: JsonObject, declaredIn = ''): Resource {
  return trusted(JSON.stringify(document), declaredIn).resource;
}

/** All resources of YAML that is known to be right. Throws with all violations when it is not. */
export function resourcesOf(yaml: string, declaredIn = ''): Resource[] {
  const { declarations, violations } = parse([{ yaml, source: declaredIn }], () => declaredIn);
  if (violations.length === 0) return declarations.map(({ resource }) => resource);
  const lines = violations.map(({ line, field, message }) => `line ${line}: ${field}: ${message}`);
  throw new Error(lines.join('\n'));
}

function trusted(json: string, declaredIn: string): Declaration {
  const { declarations, violations } = parse([{ yaml: json, source: declaredIn }], () => declaredIn);
  const [declaration] = declarations;
  if (declaration !== undefined && violations.length === 0) return declaration;
  throw new Error(violations.map(({ field, message }) => `${field}: ${message}`).join('; '));
}

/** The document as `get` shows it, with what the site says of it now. */
export function resourceToJson({ document }: Resource, status?: Json): string {
  return JSON.stringify(status === undefined ? document : { ...document, status });
}

/** Whether two resources say the same, whatever the order of their fields. */
export function saysTheSame(a: Resource, b: Resource): boolean {
  return (
    a.declaredIn === b.declaredIn && sorted(a.document as unknown as Json) === sorted(b.document as unknown as Json)
  );
}

function sorted(value: Json): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
