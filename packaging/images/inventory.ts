/** An npm package that is inside of a bundle. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX, as the package says it. */
  readonly licence: string;
}

/** Of a package.json. PURE. */
export function componentOf(text: string): Component {
  const { name, version, license } = JSON.parse(text) as { name: string; version: string; license?: string };
  return { name, version, licence: license ?? 'LicenseRef-in-its-own-text' };
}

/**
 * What scanners read to know what is in an image: a CycloneDX document (https://cyclonedx.org/docs/1.5/json/).
 * The same bytes for the same input. PURE.
 */
export function billOfMaterials(name: string, version: string, components: readonly Component[]): string {
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', name, version, licenses: [{ expression: 'Apache-2.0' }] } },
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
