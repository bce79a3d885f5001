import { Counter, type Registry } from '@fairlead/telemetry';
import type { StatusName } from './failure.ts';

export type CallCode = StatusName | 'OK';

/** Counts what becomes of calls and of those who may not even call. One for each process. */
export interface RpcMetrics {
  /** A call that was answered here; `method` is "/package.Service/Method", one that exists. */
  served(method: string, code: CallCode): void;
  /** A call of ours that has ended. */
  called(method: string, code: CallCode): void;
  /** Somebody did not get through the TLS handshake on the address that is listened on. */
  handshakeRefused(listen: string, reason: string): void;
}

export function createRpcMetrics(registry: Registry): RpcMetrics {
  const registers = [registry];
  const served = new Counter({
    name: 'fairlead_rpc_server_calls_total',
    help: 'Calls answered here, by method and gRPC status.',
    labelNames: ['method', 'code'],
    registers,
  });
  const called = new Counter({
    name: 'fairlead_rpc_client_calls_total',
    help: 'Calls made from here that have ended, by method and gRPC status.',
    labelNames: ['method', 'code'],
    registers,
  });
  const refused = new Counter({
    name: 'fairlead_rpc_handshakes_refused_total',
    help: 'TLS handshakes that did not succeed here.',
    labelNames: ['listen', 'reason'],
    registers,
  });
  return {
    served: (method, code) => served.inc({ method, code }),
    called: (method, code) => called.inc({ method, code }),
    handshakeRefused: (listen, reason) => refused.inc({ listen, reason }),
  };
}
