import * as pb from '#gen';
import type { Health, HealthSource } from '@fairlead/telemetry';
import { GrpcHealthService, HealthService } from './definitions.ts';
import { failure } from './failure.ts';
import { serve, type Handlers, type ServedService } from './server.ts';

export interface HealthServiceSettings {
  readonly source: HealthSource;
  /** Of this program. */
  readonly version: string;
  /** Names that grpc.health.v1 knows besides the empty one; all have the health of the process. */
  readonly serviceNames?: readonly string[];
}

/** The longest poll, seconds. */
export const MAX_HEALTH_WAIT_SECONDS = 3_600;

/** Both health services of the contract, answered from one source. */
export function healthServices(settings: HealthServiceSettings): ServedService[] {
  return [serve(HealthService, longPoll(settings)), serve(GrpcHealthService, grpcHealth(settings))];
}

function longPoll({ source, version }: HealthServiceSettings): Handlers<typeof HealthService> {
  return {
    async checkHealth({ timeoutSeconds }, { signal, stopping }) {
      if (timeoutSeconds > MAX_HEALTH_WAIT_SECONDS) {
        const message = `timeout_seconds is ${timeoutSeconds}: at most ${MAX_HEALTH_WAIT_SECONDS}`;
        throw failure('INVALID_ARGUMENT', 'INVALID_FIELD', message, 'timeout_seconds');
      }
      if (timeoutSeconds > 0) {
        await untilChanged(source, AbortSignal.any([signal, stopping, AbortSignal.timeout(timeoutSeconds * 1_000)]));
      }
      const { healthy, problems } = source.current();
      return { healthy, problems, version };
    },
  };
}

function grpcHealth({ source, serviceNames = [] }: HealthServiceSettings): Handlers<typeof GrpcHealthService> {
  const known = new Set(['', ...serviceNames]);
  return {
    async check({ service }) {
      if (!known.has(service)) {
        throw failure(
          'NOT_FOUND',
          'UNKNOWN_SERVICE',
          'no such service here: leave the name empty for the whole process',
        );
      }
      return { status: servingStatus(source.current()) };
    },
    async *watch({ service }, { signal }) {
      if (!known.has(service)) {
        yield { status: ServingStatus.SERVICE_UNKNOWN };
        await aborted(signal);
        return;
      }
      let told: pb.HealthCheckResponse.ServingStatus | undefined;
      for await (const health of healthNowAndChanges(source, signal)) {
        const status = servingStatus(health);
        if (status !== told) yield { status };
        told = status;
      }
    },
  };
}

const { ServingStatus } = pb.HealthCheckResponse;

function servingStatus({ healthy }: Health): pb.HealthCheckResponse.ServingStatus {
  return healthy ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

async function untilChanged(source: HealthSource, signal: AbortSignal): Promise<void> {
  const changes = healthNowAndChanges(source, signal);
  await changes.next();
  await changes.next();
  await changes.return();
}

/** The health now and after every change, the latest when several come at once; ends when the signal aborts. */
async function* healthNowAndChanges(
  source: HealthSource,
  signal: AbortSignal,
): AsyncGenerator<Health, void, undefined> {
  let changed = true;
  let wake = (): void => undefined;
  const unsubscribe = source.subscribe(() => {
    changed = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (changed) {
        changed = false;
        yield source.current();
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
