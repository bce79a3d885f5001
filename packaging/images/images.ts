import { type App, NODE_FLAGS } from '../../tools/build.ts';

/** One container image: the programs it holds, and which of them it starts. */
export interface Image {
  readonly name: string;
  readonly title: string;
  readonly starts: App;
  /** All programs in it, `starts` included; each can be run by its name. */
  readonly programs: readonly App[];
}

export const IMAGES: readonly Image[] = [
  {
    name: 'fairlead-controller',
    title: 'Fairlead controller: gives the LoadBalancer Services of one cluster their addresses',
    starts: 'controller',
    programs: ['controller'],
  },
  {
    name: 'fairlead-cloudagent',
    title: 'Fairlead cloudagent: owns the truth of a site',
    starts: 'cloudagent',
    // `kubectl exec … -- fairlead` is how the first operator of a site is made.
    programs: ['cloudagent', 'fairlead'],
  },
  {
    name: 'fairlead',
    title: 'fairlead, the command line of an operator',
    starts: 'fairlead',
    programs: ['fairlead'],
  },
];

/** Nobody in particular: the number that distroless images use. */
export const USER = '65532:65532';

export const NODE = '/usr/local/bin/node';

/** Of every program in an image. */
export const SEARCH_PATH = '/usr/local/bin';

/** Where a program is inside an image. */
export function bundlePath(program: App): string {
  return `/usr/lib/fairlead/${program}.mjs`;
}

/** What a container runtime executes; the arguments of the container follow. */
export function entrypoint({ starts }: Image): readonly string[] {
  return [NODE, ...NODE_FLAGS[starts], bundlePath(starts)];
}

export interface Release {
  readonly version: string;
  /** Commit that the bundles were made from; undefined outside of a repository. */
  readonly revision?: string;
  /** RFC 3339. */
  readonly created: string;
}

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md */
export function labels(image: Image, release: Release): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.title': image.name,
    'org.opencontainers.image.description': image.title,
    'org.opencontainers.image.version': release.version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.created': release.created,
    ...(release.revision !== undefined && { 'org.opencontainers.image.revision': release.revision }),
  };
}

/** The images for any other builder; the context is what `stageContext` leaves. PURE. */
export function renderDockerfile(release: Release): string {
  const lines = [
    '# docker build --target fairlead-controller --tag fairlead-controller .',
    'FROM scratch AS node',
    'COPY base/ /',
    'COPY node/ /',
    `ENV PATH=${SEARCH_PATH}`,
    `USER ${USER}`,
    'WORKDIR /',
  ];
  for (const image of IMAGES) {
    lines.push('', `FROM node AS ${image.name}`, `COPY ${image.name}/ /`);
    for (const [label, value] of Object.entries(labels(image, release))) {
      lines.push(`LABEL ${label}=${JSON.stringify(value)}`);
    }
    lines.push(`ENTRYPOINT ${JSON.stringify(entrypoint(image))}`);
  }
  return `${lines.join('\n')}\n`;
}
