/** Between which steps of a Service's way a test ends the process, to see that the next life goes on from there. */
export const PLACES = [
  'after-ensure',
  'before-status',
  'after-status',
  'after-release',
  'before-finalizer-removal',
  'after-finalizer-removal',
] as const;

export type Place = (typeof PLACES)[number];
