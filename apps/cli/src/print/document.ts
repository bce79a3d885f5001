import { stringify } from 'yaml';

/** A resource as the site tells it. */
export interface ResourceDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
}

/** A resource, and the file that declares it; empty when it came through the API. */
export interface ListedResource {
  readonly document: ResourceDocument;
  readonly declaredIn: string;
}

/** What the site sent. */
export function listedResource({
  json,
  declaredIn,
}: {
  readonly json: string;
  readonly declaredIn: string;
}): ListedResource {
  return { document: JSON.parse(json) as ResourceDocument, declaredIn };
}

/** One as itself, several as a List, as kubectl does; `fairlead apply` takes both. PURE. */
export function renderDocuments(documents: readonly unknown[], format: 'json' | 'yaml', single: boolean): string {
  const value = single && documents.length === 1 ? documents[0] : { apiVersion: 'v1', kind: 'List', items: documents };
  return format === 'json' ? `${JSON.stringify(value, undefined, 4)}\n` : renderYaml(value);
}

/** No line is folded, so that it can be searched by line. PURE. */
export function renderYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
