import { COMMON_PROFILES, counterName, type Peers, type Profile, profileName, type Quota } from '@fairlead/haproxy';
import { idleTimeoutMs, type LoadBalancer, type MachineConfig, type Port } from '@fairlead/model';

/** What HAProxy must have fixed at its start to serve a port as its load balancer asks. */
export function profileOf(lb: LoadBalancer, { check, protocol }: Port): Profile {
  // The kernel forwards UDP: HAProxy only asks who is alive.
  const { options = {}, affinity }: Pick<LoadBalancer, 'options' | 'affinity'> = protocol === 'UDP' ? {} : lb;
  const { algorithm, connectTimeoutMs, serverTimeoutMs } = options;
  const idle = idleTimeoutMs(options);
  const profile: Profile = {
    ...(algorithm === undefined || algorithm === 'roundrobin' ? {} : { algorithm }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(serverTimeoutMs === undefined ? {} : { serverTimeoutMs }),
    ...(idle === undefined ? {} : { idleTimeoutMs: idle }),
    ...(affinity === undefined ? {} : { affinitySeconds: affinity.timeoutSeconds }),
  };
  if (check.kind !== 'http') return profile;
  const { path, expectedStatus: status } = check;
  return { ...profile, check: { path, ...(status === undefined ? {} : { status }) } };
}

/** Whether all flows of a client are to go one way: the kernel knows no other way to keep a client at its backend. */
export function spreadOf({ affinity, options }: LoadBalancer, { protocol }: Port): { readonly byClient?: true } {
  const isAsked = affinity !== undefined || options?.algorithm === 'source';
  return protocol === 'UDP' && isAsked ? { byClient: true } : {};
}

/** All ports and addresses of a load balancer count together. */
export function quotaOf({ id, options }: LoadBalancer): { readonly quota?: Quota } {
  if (options?.maxConnections === undefined) return {};
  return { quota: { connections: options.maxConnections, counter: counterName(id) } };
}

/** Undefined when the machine is not among the members that it was told of. */
export function peersOf({ machine, members }: MachineConfig, port: number): Peers | undefined {
  return members.some(({ name }) => name === machine) ? { local: machine, port, members } : undefined;
}

const COMMON = new Set(COMMON_PROFILES.map(profileName));
const SHARE_OF_UNCOMMON = 16;
const LEAST_STOCK = 4;

/** How many empty backends of a profile are kept, of which `inUse` services have one. */
export function slotStock(profile: string, slots: number, inUse: number): number {
  if (COMMON.has(profile)) return slots;
  return Math.min(slots, Math.max(LEAST_STOCK, Math.ceil(slots / SHARE_OF_UNCOMMON), inUse));
}

/** With fewer empty backends of a profile than this, the stock should be filled up. */
export function lowStock(profile: string, slots: number): number {
  return Math.ceil(slotStock(profile, slots, 0) / 8);
}
