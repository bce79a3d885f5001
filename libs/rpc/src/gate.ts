import { Metadata, ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { callerOfCertificate, formatCaller, type Caller, type CallerRule } from './caller.ts';
import { clip, encodeDetail, FAILURE_TRAILER, type FailureDetail } from './failure.ts';
import type { CallCode } from './metrics.ts';

/** Request metadata under this prefix is ours: what a client sends there is thrown away. */
export const RESERVED_PREFIX = 'fairlead-';
/** Where the gate leaves the caller for the handlers, as `formatCaller` writes it. */
export const CALLER_KEY = 'fairlead-caller';

/** Answers undefined when the caller may call the method ("/package.Service/Method"), else why not, one sentence. */
export type Authorise = (caller: Caller, methodPath: string) => string | undefined;

export interface GateSettings {
  readonly callers: CallerRule;
  readonly authorise: Authorise;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onRefused: (refusal: { caller: string; method: string; peer: string; why: string }) => void;
  /** Told once of each call how it ended; CANCELLED when the caller went away before it was answered. */
  readonly onEnd?: (method: string, code: CallCode) => void;
}

/** Decides on every call before a byte of its request is parsed: who calls, and whether they may. */
export function gate(settings: GateSettings): ServerInterceptor {
  return ({ path }, call) => {
    const refuse = (code: status, detail: FailureDetail, caller: string): void => {
      settings.onRefused({ caller, method: path, peer: call.getPeer(), why: detail.message });
      const metadata = new Metadata();
      metadata.set(FAILURE_TRAILER, encodeDetail(detail));
      ended(code);
      call.sendStatus({ code, details: clip(detail.message), metadata });
    };
    let isOver = false;
    const ended = (code: status): void => {
      if (isOver) return;
      isOver = true;
      settings.onEnd?.(path, status[code] as CallCode);
    };
    return new ServerInterceptingCall(call, {
      sendStatus: (answer, next) => {
        ended(answer.code ?? status.UNKNOWN);
        next(answer);
      },
      start: (next) => {
        next({
          onCancel: () => ended(status.CANCELLED),
          onReceiveMetadata: (metadata, pass) => {
            const caller = identify(settings, call);
            if (typeof caller === 'string') {
              refuse(status.UNAUTHENTICATED, { reason: 'NOT_IDENTIFIED', field: '', message: caller }, 'nobody');
              return;
            }
            const why = settings.authorise(caller, path);
            if (why !== undefined) {
              refuse(
                status.PERMISSION_DENIED,
                { reason: 'NOT_ALLOWED', field: '', message: why },
                formatCaller(caller),
              );
              return;
            }
            for (const key of Object.keys(metadata.getMap())) {
              if (key.startsWith(RESERVED_PREFIX)) metadata.remove(key);
            }
            metadata.set(CALLER_KEY, formatCaller(caller));
            pass(metadata);
          },
        });
      },
    });
  };
}

function identify(
  { callers, now }: GateSettings,
  call: Pick<ServerInterceptingCall, 'getAuthContext'>,
): Caller | string {
  if (callers !== 'certificate') return { kind: callers };
  return callerOfCertificate(call.getAuthContext().sslPeerCertificate, now());
}
