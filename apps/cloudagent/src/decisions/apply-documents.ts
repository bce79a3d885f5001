import { type Author, judgeApply, judgeDelete } from '../resources/change.ts';
import type { Parsing } from '../resources/parse.ts';
import type { Violation } from '../resources/violation.ts';
import { resourceKey } from '../truth/site.ts';
import type { Decision, Truth } from '../truth/truth.ts';
import { type ApplyContext, applyResources } from './apply-resources.ts';
import type { Conflict } from './conflicts.ts';

export interface AppliedResource {
  readonly kind: string;
  readonly name: string;
  readonly result: 'created' | 'configured' | 'unchanged' | 'deleted';
}

export type Applied =
  | { readonly ok: true; readonly applied: readonly AppliedResource[] }
  | { readonly ok: false; readonly violations: readonly Violation[] };

export interface DocumentsContext extends ApplyContext {
  readonly author: Author;
  readonly dryRun: boolean;
}

/** All documents are taken, or none and every reason is told. PURE. */
export function applyDocuments(truth: Truth, parsing: Parsing, context: DocumentsContext): Decision<Applied> {
  const change = judgeApply(truth.resources.values(), parsing, context.author);
  if (!change.ok) return { answer: { ok: false, violations: change.violations } };
  const { answer: conflicts, changes } = applyResources(truth, change, context);
  if (conflicts.length > 0) {
    return { answer: { ok: false, violations: conflicts.map((conflict) => violationOf(conflict, parsing)) } };
  }
  const written = change.applied.map(({ resource: { kind, name }, result }) => ({ kind, name, result }));
  const gone = change.remove.map((key) => {
    const { kind, name } = truth.resources.get(key)!;
    return { kind, name, result: 'deleted' as const };
  });
  const answer: Applied = { ok: true, applied: [...written, ...gone] };
  return changes === undefined || context.dryRun ? { answer } : { answer, changes };
}

/** Takes away what was declared through the API and is not in use. PURE. */
export function deleteResource(truth: Truth, key: string, context: ApplyContext): Decision<readonly Violation[]> {
  const violations = judgeDelete(truth.resources.values(), key);
  if (violations.length > 0) return { answer: violations };
  const { answer: conflicts, changes } = applyResources(truth, { put: [], remove: [key] }, context);
  const nothingWritten: Parsing = { declarations: [], violations: [], broken: new Set() };
  const answer = conflicts.map((conflict) => violationOf(conflict, nothingWritten));
  return changes === undefined ? { answer } : { answer, changes };
}

function violationOf(conflict: Conflict, { declarations }: Parsing): Violation {
  const key = resourceKey(conflict);
  const declaration = declarations.find(({ resource }) => resourceKey(resource) === key);
  const path = conflict.field === '' ? ['metadata', 'name'] : conflict.field.split('.');
  return {
    source: declaration?.source ?? '',
    line: declaration?.lineOf(path) ?? 0,
    field: [key, conflict.field].filter((part) => part !== '').join(' '),
    message: conflict.message,
  };
}
