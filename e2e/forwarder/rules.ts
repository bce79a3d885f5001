import type { Effect, Match, Rule } from './protocol.ts';

/** What a rule looks at. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly watch: boolean;
}

/** The effect of the first rule that matches; undefined: it passes. */
export function effectOn(asked: Asked, rules: readonly Rule[]): Effect | undefined {
  return rules.find(({ match }) => matches(asked, match))?.effect;
}

function matches(asked: Asked, { method, path, watch }: Match): boolean {
  return (
    (method === undefined || asked.method === method) &&
    (path === undefined || asked.path.startsWith(path)) &&
    (watch === undefined || asked.watch === watch)
  );
}

/** metav1.Status, as the API server answers errors. */
export function statusBody(code: number, retryAfterSeconds?: number): Record<string, unknown> {
  const reasons: Readonly<Record<number, string>> = { 410: 'Expired', 429: 'TooManyRequests', 500: 'InternalError' };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    message: code === 410 ? 'too old resource version' : `the forwarder answers ${code}`,
    reason: reasons[code] ?? 'Unknown',
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  };
}
