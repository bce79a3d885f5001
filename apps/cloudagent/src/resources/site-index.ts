import { resourceKey } from '../truth/site.ts';
import type { Declaration } from './parse.ts';
import type { Resource, ResourceKind } from './types.ts';
import { formatPath } from './violation.ts';
import type { Path, Violation } from './violation.ts';

export type OfKind<Kind extends ResourceKind> = Extract<Resource, { kind: Kind }>;

/** A resource stored earlier, whose lines nobody remembers. */
export function storedDeclaration(resource: Resource): Declaration {
  return { resource, source: resource.declaredIn, lineOf: () => 0 };
}

/** A whole site to be judged; collects what is wrong with it. The rules read it, and only `report` changes it. */
export class SiteIndex {
  readonly violations: Violation[] = [];
  readonly #declarations: readonly Declaration[];
  readonly #byKey: ReadonlyMap<string, Declaration>;
  readonly #assumed: ReadonlySet<string>;

  /** `assumed`: keys of resources that exist but could not be read; nothing is said of those who refer to them. */
  constructor(declarations: readonly Declaration[], assumed: ReadonlySet<string> = new Set()) {
    this.#declarations = declarations;
    this.#byKey = new Map(declarations.map((declaration) => [resourceKey(declaration.resource), declaration]));
    this.#assumed = assumed;
  }

  all(): readonly Resource[] {
    return this.#declarations.map(({ resource }) => resource);
  }

  of<Kind extends ResourceKind>(kind: Kind): OfKind<Kind>[] {
    return this.all().filter((resource): resource is OfKind<Kind> => resource.kind === kind);
  }

  find<Kind extends ResourceKind>(kind: Kind, name: string): OfKind<Kind> | undefined {
    return this.#byKey.get(`${kind}/${name}`)?.resource as OfKind<Kind> | undefined;
  }

  exists(kind: ResourceKind, name: string): boolean {
    return this.#byKey.has(`${kind}/${name}`) || this.#assumed.has(`${kind}/${name}`);
  }

  report(resource: Resource, path: Path, message: string): void {
    const declaration = this.#byKey.get(resourceKey(resource));
    const field = [resourceKey(resource), formatPath(path)].filter((part) => part !== '').join(' ');
    const { source, line } = { source: declaration?.source ?? '', line: declaration?.lineOf(path) ?? 0 };
    this.violations.push({ source, line, field, message });
  }
}
