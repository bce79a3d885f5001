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
}

export function createClient<Service extends CompatServiceDefinition>(
  definition: Service,
  channel: Channel,
  settings: ClientSettings = {},
): RpcClient<Service> {
  return createClientFactory()
    .use(tracing)
    .use(failures(settings.timeoutMs ?? 10_000))
    .create(definition, channel);
}

const tracing: ClientMiddleware<Pick<CallExtras, 'trace'>> = async function* tracing(call, { trace, ...options }) {
  const metadata = Metadata(options.metadata);
  if (trace !== undefined) metadata.set('traceparent', formatTraceparent(trace));
  return yield* call.next(call.request, { ...options, metadata });
};

function failures(unaryTimeoutMs: number): ClientMiddleware<Pick<CallExtras, 'timeoutMs'>> {
  return async function* failures(call, { timeoutMs, ...options }) {
    const streams = call.requestStream || call.responseStream;
    const limit = timeoutMs ?? (streams ? undefined : unaryTimeoutMs);
    const deadline = limit === undefined ? undefined : AbortSignal.timeout(limit);
    const signals = [options.signal, deadline].filter((signal) => signal !== undefined);
    let detail: string | undefined;
    try {
      return yield* call.next(call.request, {
        ...options,
        ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
        onTrailer(trailer) {
          detail = trailer.get(FAILURE_TRAILER);
          options.onTrailer?.(trailer);
        },
      });
    } catch (error) {
      if (deadline?.aborted === true && options.signal?.aborted !== true) throw tooLate(call.method.path, limit);
      throw error instanceof ClientError ? toFailure(error, detail) : error;
    }
  };
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
