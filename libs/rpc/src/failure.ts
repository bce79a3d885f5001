import type { Status } from 'nice-grpc';

/** gRPC status by name, without OK. */
export type StatusName = Exclude<keyof typeof Status, 'OK' | number>;

/** What is told about an error besides its status (ErrorDetail of the contract). */
export interface FailureDetail {
  /** UPPER_SNAKE, for programs. */
  readonly reason: string;
  /** The field at fault; empty when it is not about one. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** Where a failure was made: here, or by the other side of a call of ours. */
export type Origin = 'local' | 'remote';

/**
 * The one error of the RPC boundary: what a handler throws to refuse a call, and what a call of a client rejects with.
 * A remote one that reaches the boundary of a server of ours is an accident there, not an answer: its caller gets
 * INTERNAL.
 */
export class RpcFailure extends Error {
  override readonly name = 'RpcFailure';
  readonly status: StatusName;
  readonly detail: FailureDetail;
  readonly origin: Origin;

  constructor(status: StatusName, detail: FailureDetail, origin: Origin = 'local') {
    super(detail.message);
    this.status = status;
    this.detail = detail;
    this.origin = origin;
  }
}

/** The error to throw in a handler; the message says what is wrong and what to do. */
export function failure(status: StatusName, reason: string, message: string, field = ''): RpcFailure {
  return new RpcFailure(status, { reason, field, message });
}

/** Reason, field and message of an error of the RPC boundary; undefined for every other error. */
export function detailOf(error: unknown): FailureDetail | undefined {
  return error instanceof RpcFailure ? error.detail : undefined;
}

/** The status of an error of the RPC boundary; undefined for every other error. */
export function statusOf(error: unknown): StatusName | undefined {
  return error instanceof RpcFailure ? error.status : undefined;
}

/** True when the same call may succeed later without anybody changing anything. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && TRANSIENT.includes(status);
}

const TRANSIENT: readonly StatusName[] = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED'];

/** Trailer that carries the detail. */
export const FAILURE_TRAILER = 'fairlead-error';

const MAX_TEXT = 1_000;

/** The trailer's value: JSON in printable ASCII, as header values must be, and short enough for one. */
export function encodeDetail({ reason, field, message }: FailureDetail): string {
  const json = JSON.stringify({ reason, field: clip(field), message: clip(message) });
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The detail in a trailer's value, or undefined when there is none that can be read. */
export function decodeDetail(text: string | undefined): FailureDetail | undefined {
  if (text === undefined) return undefined;
  try {
    const { reason, field, message } = JSON.parse(text) as Record<string, unknown>;
    if (typeof reason !== 'string' || typeof message !== 'string') return undefined;
    return { reason, field: typeof field === 'string' ? field : '', message };
  } catch {
    return undefined;
  }
}

/**
 * At most so much of a text that it fits into a header beside others, cut visibly. Half characters are replaced:
 * grpc-js would throw on them where nobody catches.
 */
export function clip(text: string): string {
  return (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`).toWellFormed();
}
