import { compareText, resourceKey } from '../truth/site.ts';
import type { Declaration, Parsing } from './parse.ts';
import { referencesOf } from './references.ts';
import { storedDeclaration } from './site-index.ts';
import { saysTheSame } from './stored.ts';
import type { Resource } from './types.ts';
import { duplicates, validateSite } from './validate.ts';
import type { Violation } from './violation.ts';

/** Who declares: the site's files, which are the whole of what files declare, or somebody through the API. */
export type Author = 'files' | 'api';

export type SiteChange =
  | {
      readonly ok: true;
      readonly put: readonly Resource[];
      /** `Kind/name`. */
      readonly remove: readonly string[];
      /** One per document, in the order they were written. */
      readonly applied: readonly {
        readonly resource: Resource;
        readonly result: 'created' | 'configured' | 'unchanged';
      }[];
    }
  | { readonly ok: false; readonly violations: readonly Violation[] };

/**
 * What applying these documents to a site means, or everything that speaks against it. PURE.
 * What a file declares belongs to the file: it is changed there only, and goes when it is no longer there.
 * Whether something live would be taken away is judged elsewhere.
 */
export function judgeApply(current: Iterable<Resource>, parsing: Parsing, author: Author): SiteChange {
  const { declarations, broken } = parsing;
  const stored = new Map([...current].map((resource) => [resourceKey(resource), resource]));
  const incoming = new Set([...broken, ...declarations.map(({ resource }) => resourceKey(resource))]);
  const remove =
    author === 'api' ? [] : [...stored.values()].filter((resource) => resource.declaredIn !== '').map(resourceKey);
  const gone = new Set(remove.filter((key) => !incoming.has(key)));

  const others = [...stored.values()].filter(
    (resource) => !incoming.has(resourceKey(resource)) && !gone.has(resourceKey(resource)),
  );
  const repeated = duplicates(declarations);
  const violations = [
    ...parsing.violations,
    ...(author === 'api' ? belongingToFiles(declarations, stored) : []),
    ...repeated,
    ...(repeated.length > 0 ? [] : validateSite([...others.map(storedDeclaration), ...declarations], broken)),
  ];
  if (violations.length > 0) return { ok: false, violations: inOrder(violations) };

  const applied = declarations.map(({ resource }) => {
    const known = stored.get(resourceKey(resource));
    if (known === undefined) return { resource, result: 'created' as const };
    return {
      resource,
      result: isUnchanged(known, resource, author) ? ('unchanged' as const) : ('configured' as const),
    };
  });
  const put = applied.filter(({ result }) => result !== 'unchanged').map(({ resource }) => resource);
  return { ok: true, put, remove: [...gone].sort(compareText), applied };
}

/** Why a resource cannot be deleted; empty: it can. Deleting what is not there is not judged here. PURE. */
export function judgeDelete(current: Iterable<Resource>, key: string): readonly Violation[] {
  const resources = [...current];
  const target = resources.find((resource) => resourceKey(resource) === key);
  if (target === undefined) return [];
  if (target.declaredIn !== '') {
    const message = `${key} is declared in ${target.declaredIn}: remove it there`;
    return [{ source: '', line: 0, field: key, message }];
  }
  const users = resources
    .filter((resource) => referencesOf(resource).some((reference) => resourceKey(reference) === key))
    .map(resourceKey)
    .sort(compareText);
  if (users.length === 0) return [];
  return [
    { source: '', line: 0, field: key, message: `${key} is used by ${users.join(', ')}: change or delete that first` },
  ];
}

function belongingToFiles(declarations: readonly Declaration[], stored: ReadonlyMap<string, Resource>): Violation[] {
  return declarations.flatMap(({ resource, source, lineOf }) => {
    const key = resourceKey(resource);
    const known = stored.get(key);
    if (known === undefined || known.declaredIn === '' || isUnchanged(known, resource, 'api')) return [];
    const message = `${key} is declared in ${known.declaredIn}: change it there`;
    return [{ source, line: lineOf(['metadata', 'name']), field: key, message }];
  });
}

/** Through the API, what a file says already may be said again. */
function isUnchanged(known: Resource, resource: Resource, author: Author): boolean {
  return saysTheSame(known, author === 'api' ? { ...resource, declaredIn: known.declaredIn } : resource);
}

/** By source in the order given, then by line. */
function inOrder(violations: readonly Violation[]): Violation[] {
  const sources = [...new Set(violations.map(({ source }) => source))];
  return [...violations].sort((a, b) => sources.indexOf(a.source) - sources.indexOf(b.source) || a.line - b.line);
}
