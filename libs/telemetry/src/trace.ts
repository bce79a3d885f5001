import { randomBytes } from 'node:crypto';

/** One step of a story that crosses processes: W3C Trace Context (https://www.w3.org/TR/trace-context/), level 1. */
export interface Trace {
  /** 32 hexadecimal digits, the same in every process of the story. */
  readonly traceId: string;
  /** 16 hexadecimal digits, this step. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Source of random bytes: `crypto.randomBytes`, or a fixed one in tests. */
export type RandomBytes = (count: number) => Uint8Array;

/** The first step of a new story. */
export function newTrace(random: RandomBytes = randomBytes): Trace {
  return { traceId: hexId(16, random), spanId: hexId(8, random), sampled: true };
}

/** The next step of the parent's story; a new story when there is no parent. */
export function childOf(parent: Trace | undefined, random: RandomBytes = randomBytes): Trace {
  return parent === undefined ? newTrace(random) : { ...parent, spanId: hexId(8, random) };
}

/** The text of a `traceparent` header. */
export function formatTraceparent({ traceId, spanId, sampled }: Trace): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** The trace of a `traceparent` header, or undefined for what the standard tells us to ignore. */
export function parseTraceparent(text: string | undefined): Trace | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, more] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  const invalid = version === 'ff' || (version === '00' && more !== undefined);
  if (invalid || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

function hexId(bytes: number, random: RandomBytes): string {
  const text = Buffer.from(random(bytes)).toString('hex');
  // All zeros means "no id" in the standard.
  return /^0+$/.test(text) ? `${text.slice(0, -1)}1` : text;
}
