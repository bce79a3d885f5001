import { childOf, parseTraceparent, withTrace, type Logger, type Trace } from '@fairlead/telemetry';
import { ServerError, Status, type CallContext, type ServerMiddleware } from 'nice-grpc';
import { parseCaller, type Caller } from './caller.ts';
import { clip, encodeDetail, FAILURE_TRAILER, failure, RpcFailure } from './failure.ts';
import { CALLER_KEY } from './gate.ts';

/** What a handler knows of its call besides the request. */
export interface HandlerExtras {
  readonly identity: Caller;
  /** This step of the caller's story; pass it on explicitly, it is nowhere else. */
  readonly trace: Trace;
  /** Aborts when the server begins to stop: for calls that wait long and can answer early. */
  readonly stopping: AbortSignal;
}

/** `signal` aborts when the caller has gone, and for streams when the server stops or the stream has become old. */
export type HandlerContext = CallContext & HandlerExtras;

export interface BoundarySettings {
  readonly log: Logger;
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal;
  readonly maxStreamAgeMs: number;
  /** The answer to an error that is not a RpcFailure and yet expected; undefined: it is not. */
  readonly expected?: (error: unknown) => RpcFailure | undefined;
}

/**
 * Around every handler: gives it `identity` and `trace`, and turns what it throws into what the caller may know. A
 * RpcFailure made here is the answer, and so is what `expected` makes of an error; anything else is INTERNAL with the
 * trace id, and is logged here, once.
 */
export function boundary(settings: BoundarySettings): ServerMiddleware<HandlerExtras> {
  return async function* aroundHandler(call, context) {
    const trace = childOf(parseTraceparent(context.metadata.get('traceparent')));
    const identity = parseCaller(context.metadata.get(CALLER_KEY) ?? '');
    const signal = call.responseStream ? streamSignal(context.signal, settings) : context.signal;
    try {
      if (identity === undefined) throw new Error('a call came past the gate without a caller');
      return yield* call.next(call.request, { ...context, signal, identity, trace, stopping: settings.stopping });
    } catch (error) {
      if (context.signal.aborted) {
        withTrace(settings.log, trace).debug({ err: error, method: call.method.path }, 'the caller has gone');
        throw new ServerError(Status.CANCELLED, 'the caller has gone');
      }
      // A stream that has become old was told to end, and that is how this handler does it.
      if (signal.aborted && !settings.stopping.aborted && isAbortOf(error, signal)) return undefined;
      const answer = toAnswer(error, settings, { trace, method: call.method.path });
      context.trailer.set(FAILURE_TRAILER, encodeDetail(answer.detail));
      throw new ServerError(Status[answer.status], clip(answer.detail.message));
    }
  };
}

/** Not all at the same age: many began together when the server started. */
function streamSignal(callerGone: AbortSignal, { stopping, maxStreamAgeMs }: BoundarySettings): AbortSignal {
  const old = AbortSignal.timeout(Math.round(maxStreamAgeMs * (0.8 + 0.2 * Math.random())));
  return AbortSignal.any([callerGone, stopping, old]);
}

/** The signal's reason itself, or Node's AbortError about it. */
function isAbortOf(error: unknown, { reason }: AbortSignal): boolean {
  return error === reason || (error instanceof Error && error.name === 'AbortError');
}

function toAnswer(
  error: unknown,
  { log, stopping, expected }: BoundarySettings,
  { trace, method }: { trace: Trace; method: string },
): RpcFailure {
  if (error instanceof RpcFailure && error.origin === 'local') return error;
  const known = expected?.(error);
  if (known !== undefined) return known;
  if (stopping.aborted) return failure('UNAVAILABLE', 'STOPPING', 'the server is stopping: call again');
  withTrace(log, trace).error({ err: error, method }, 'a call failed unexpectedly');
  const message = `something went wrong inside: look for ${trace.traceId} in the log of the service`;
  return failure('INTERNAL', 'INTERNAL', message);
}
