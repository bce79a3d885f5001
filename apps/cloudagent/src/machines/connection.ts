import { channelCredentials, type MaterialSource } from '@fairlead/certs';
import { formatEndpoint } from '@fairlead/model';
import { createClient, MachineService, openChannel, type RpcMetrics, worthCalling } from '@fairlead/rpc';
import type { Connection } from '../push.ts';
import type { MachineResource } from '../resources/types.ts';

/** A machine that is cut off must be noticed in seconds, and be there again soon after it is back. */
const MACHINE_CHANNEL = {
  keepaliveMs: 2_000,
  keepaliveTimeoutMs: 2_000,
  connectTimeoutMs: 5_000,
  backOffMs: 200,
  maxBackOffMs: 1_000,
};

/** So long the channel tries by itself before its reason is asked for again. */
const REASON_EVERY_MS = 5_000;

/** Who calls, and where that is counted. */
export interface CallingSite {
  readonly site: string;
  readonly source: MaterialSource;
  readonly metrics: RpcMetrics;
}

/** A way to the machine that speaks to nobody else, by the name in its certificate. */
export function connectToMachine({ name, spec }: MachineResource, { site, source, metrics }: CallingSite): Connection {
  const credentials = channelCredentials(source, { kind: 'lbagent', site, name });
  const channel = openChannel(formatEndpoint(spec.agentAddress, spec.agentPort), credentials, {
    ...MACHINE_CHANNEL,
    renewed: source,
  });
  const client = createClient(MachineService, channel, { metrics });
  return {
    async *open(requests, signal) {
      await worthCalling(channel, REASON_EVERY_MS, signal);
      yield* client.sync(requests, { signal });
    },
    close: () => channel.close(),
  };
}
