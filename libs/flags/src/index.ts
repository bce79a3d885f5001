export * from './command.ts';
export * from './flag.ts';
export * from './kinds.ts';
