export * from './back-off.ts';
export * from './clock.ts';
export * from './failpoint.ts';
export * from './shutdown.ts';
export * from './supervise-loop.ts';
export * from './work-queue.ts';
