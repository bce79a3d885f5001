export * from './program.ts';
export * from './small-disk.ts';
