import { expect, it } from 'vitest';
import { entrypoint, IMAGES, renderDockerfile } from './images.ts';
import { billOfMaterials, componentOf } from './inventory.ts';

const release = { version: '1.2.3', revision: 'abc', created: '2026-01-02T03:04:05Z' };

it('the Dockerfile has a target for every image, with its entry point and as nobody in particular', () => {
  const text = renderDockerfile(release);
  for (const image of IMAGES) {
    const stage = text.split('\nFROM ').find((part) => part.startsWith(`node AS ${image.name}\n`));
    expect(stage).toContain(`ENTRYPOINT ${JSON.stringify(entrypoint(image))}`);
    expect(stage).toContain('LABEL org.opencontainers.image.version="1.2.3"');
  }
  expect(text.split('\n').filter((line) => line.startsWith('USER'))).toEqual(['USER 65532:65532']);
});

it('the bill of materials names each package as scanners look it up', () => {
  const component = componentOf('{"name":"@scope/thing","version":"4.5.6","license":"MIT"}');
  const bill = JSON.parse(billOfMaterials('fairlead', '1.2.3', [component])) as { components: unknown[] };
  expect(bill.components).toEqual([
    {
      type: 'library',
      name: '@scope/thing',
      version: '4.5.6',
      purl: 'pkg:npm/%40scope/thing@4.5.6',
      licenses: [{ expression: 'MIT' }],
    },
  ]);
});
