/** What of package-lock.json says which packages a program is made of. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX, as the package says it. */
  readonly licence: string;
}

/** Every package that those folders of ours depend on, in order of name: what may be inside of their bundles. PURE. */
export function componentsOf(lock: Lock, folders: readonly string[]): Component[] {
  const found = new Map<string, Component>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const locked = lock.packages[path];
    if (locked === undefined) throw new Error(`${path} is not in package-lock.json: run npm install`);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (path.includes('node_modules/') && !name.startsWith('@fairlead/')) {
      const { version = '', license = 'unknown' } = locked;
      found.set(`${name}@${version}`, { name, version, licence: license });
    }
    for (const dependency of Object.keys(locked.dependencies ?? {})) visit(locate(lock, path, dependency));
  };
  for (const folder of folders) visit(folder);
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, component]) => component);
}

/** Node's way of finding a package: the nearest node_modules upwards. */
function locate(lock: Lock, from: string, name: string): string {
  for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    const locked = lock.packages[path];
    if (locked?.link === true) return locked.resolved ?? path;
    if (locked !== undefined || at === '') return path;
  }
}

/** A CycloneDX document (https://cyclonedx.org/docs/1.5/json/), the same bytes for the same input. PURE. */
export function billOfMaterials(name: string, version: string, components: readonly Component[]): string {
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', name, version, licenses: [{ license: { id: 'Apache-2.0' } }] } },
    components: components.map((component) => ({
      type: 'library',
      name: component.name,
      version: component.version,
      purl: `pkg:npm/${component.name.replace('@', '%40')}@${component.version}`,
      licenses: [{ expression: component.licence }],
    })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
