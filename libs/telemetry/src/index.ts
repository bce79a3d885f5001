export * from './explain-failure.ts';
export * from './certificate-metrics.ts';
export * from './health.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './telemetry-server.ts';
export * from './trace.ts';
export * from './version.ts';
