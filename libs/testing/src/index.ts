export * from './program.ts';
export * from './site-yaml.ts';
export * from './small-disk.ts';
