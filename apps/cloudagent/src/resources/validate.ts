import { resourceKey } from '../truth/site.ts';
import { closest } from './closest.ts';
import type { Declaration } from './parse.ts';
import { referencesOf } from './references.ts';
import { SiteIndex } from './site-index.ts';
import { judgeNetworks, judgePodRoutes, judgePools } from './validate-ranges.ts';
import { judgeBackends, judgeMachines, judgeRequestedAddresses, judgeSets } from './validate-users.ts';
import { formatPath } from './violation.ts';
import type { Violation } from './violation.ts';

/**
 * All that is wrong with a site as a whole, each resource being right by itself. PURE.
 * Put what is stored first and what is new last: of two that contradict each other the later one is blamed.
 * `broken`: keys of new resources that could not be read.
 */
export function validateSite(
  declarations: readonly Declaration[],
  broken: ReadonlySet<string> = new Set(),
): Violation[] {
  const site = new SiteIndex(declarations, broken);
  judgeReferences(site);
  judgeNetworks(site);
  judgePools(site);
  judgePodRoutes(site);
  judgeSets(site);
  judgeMachines(site);
  judgeRequestedAddresses(site);
  judgeBackends(site);
  return site.violations;
}

/** Two documents for one resource in one go: which of them is meant? */
export function duplicates(declarations: readonly Declaration[]): Violation[] {
  const first = new Map<string, Declaration>();
  const violations: Violation[] = [];
  for (const declaration of declarations) {
    const key = resourceKey(declaration.resource);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, declaration);
      continue;
    }
    const path = ['metadata', 'name'];
    const where = `${earlier.source === declaration.source ? '' : `${earlier.source} `}line ${earlier.lineOf(path)}`;
    const message = `${key} is declared twice, first in ${where}: remove one of the two`;
    violations.push({
      source: declaration.source,
      line: declaration.lineOf(path),
      field: `${key} ${formatPath(path)}`,
      message,
    });
  }
  return violations;
}

function judgeReferences(site: SiteIndex): void {
  for (const resource of site.all()) {
    for (const { path, kind, name } of referencesOf(resource)) {
      if (site.exists(kind, name)) continue;
      const names = site.of(kind).map((known) => known.name);
      const meant = closest(name, names);
      const known =
        names.length === 0 ? 'declare it' : `declare it, or name one that exists: ${names.sort().join(', ')}`;
      site.report(
        resource,
        path,
        `there is no ${kind} ${name}: ${meant === undefined ? known : `did you mean ${meant}?`}`,
      );
    }
  }
}
