import { formatTraceparent, type Trace } from '@fairlead/telemetry';
import type { Channel } from '@grpc/grpc-js';
import {
  ClientError,
  createClientFactory,
  Metadata,
  Status,
  type Client,
  type ClientMiddleware,
  type CompatServiceDefinition,
} from 'nice-grpc';
import { decodeDetail, FAILURE_TRAILER, RpcFailure, type StatusName } from './failure.ts';
import type { CallCode, RpcMetrics } from './metrics.ts';

export interface CallExtras {
  /** The whole call, streams included, ends with DEADLINE_EXCEEDED after it. */
  readonly timeoutMs?: number;
  /** The story this call belongs to; told to the server as `traceparent`. */
  readonly trace?: Trace;
}

/** A typed client: one function per method; every rejection of a call is a RpcFailure, or the AbortError of its signal. */
export type RpcClient<Service extends CompatServiceDefinition> = Client<Service, CallExtras>;

export interface ClientSettings {
  /** For calls that do not stream and do not say otherwise: 10 s. */
  readonly timeoutMs?: number;
  readonly metrics?: RpcMetrics;
}

export function createClient<Service extends CompatServiceDefinition>(
  definition: Service,
  channel: Channel,
  settings: ClientSettings = {},
): RpcClient<Service> {
  return createClientFactory()
    .use(tracing)
    .use(failures(settings.timeoutMs ?? 10_000))
    .use(counting(settings.metrics))
    .create(definition, channel);
}

const tracing: ClientMiddleware<Pick<CallExtras, 'trace'>> = async function* tracing(call, { trace, ...options }) {
  const metadata = Metadata(options.metadata);
  if (trace !== undefined) metadata.set('traceparent', formatTraceparent(trace));
  return yield* call.next(call.request, { ...options, metadata });
};

function counting(metrics: RpcMetrics | undefined): ClientMiddleware {
  return async function* counting(call, options) {
    let code: CallCode = 'CANCELLED';
    try {
      const answer = yield* call.next(call.request, options);
      code = 'OK';
      return answer;
    } catch (error) {
      if (error instanceof RpcFailure) code = error.status;
      throw error;
    } finally {
      metrics?.called(call.method.path, code);
    }
  };
}

function failures(unaryTimeoutMs: number): ClientMiddleware<Pick<CallExtras, 'timeoutMs'>> {
  return async function* failures(call, { timeoutMs, ...options }) {
    const streams = call.requestStream || call.responseStream;
    const limit = timeoutMs ?? (streams ? undefined : unaryTimeoutMs);
    const deadline = limit === undefined ? undefined : AbortSignal.timeout(limit);
    const signals = [options.signal, deadline].filter((signal) => signal !== undefined);
    let detail: string | undefined;
    const metadata = Metadata(options.metadata);
    // So that the other side stops too when its network does not tell it that we have.
    if (limit !== undefined) metadata.set('grpc-timeout', formatTimeout(limit));
    try {
      return yield* call.next(call.request, {
        ...options,
        metadata,
        ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
        onTrailer(trailer) {
          detail = trailer.get(FAILURE_TRAILER);
          options.onTrailer?.(trailer);
        },
      });
    } catch (error) {
      if (options.signal?.aborted !== true && (deadline?.aborted === true || isServersDeadline(error, detail))) {
        throw tooLate(call.method.path, limit);
      }
      throw error instanceof ClientError ? toFailure(error, detail) : error;
    }
  };
}

/** Of the gRPC protocol over HTTP/2: at most 8 digits and a unit. */
function formatTimeout(ms: number): string {
  return ms < 1e8 ? `${Math.ceil(ms)}m` : `${Math.ceil(ms / 1_000)}S`;
}

/** The server has the same deadline, and its clock may be quicker; a handler's own failure comes with a detail. */
function isServersDeadline(error: unknown, detail: string | undefined): boolean {
  return error instanceof ClientError && error.code === Status.DEADLINE_EXCEEDED && detail === undefined;
}

function tooLate(method: string, limit = 0): RpcFailure {
  const message = `${method} was not answered within ${limit} ms: check the other side, or try again`;
  return new RpcFailure('DEADLINE_EXCEEDED', { reason: 'DEADLINE_EXCEEDED', field: '', message }, 'remote');
}

function toFailure(error: ClientError, trailer: string | undefined): RpcFailure {
  const status = Status[error.code] as StatusName;
  const detail = decodeDetail(trailer) ?? { reason: status, field: '', message: error.details };
  return new RpcFailure(status, detail, 'remote');
}
