import type { Address, Protocol } from '@fairlead/model';
import { hash32 } from './hash.ts';
import { type Profile, profileName } from './profile.ts';

/** The backend's name in haproxy.cfg: `backend_192.168.0.157_80`, and `backend_192.168.0.157_53_udp`. */
export function backendName(vip: Address, port: number, protocol: Protocol = 'TCP'): string {
  return `backend_${vip}_${port}${protocol === 'UDP' ? '_udp' : ''}`;
}

/** The frontend's name in the log: `frontend_192.168.0.157_80`. */
export function frontendName(vip: Address, port: number): string {
  return `frontend_${vip}_${port}`;
}

/** The key of the service map: `192.168.0.157|80`. No connection ever asks for that of UDP, `192.168.0.157|53/udp`. */
export function mapKey(vip: Address, port: number, protocol: Protocol = 'TCP'): string {
  return `${vip}|${port}${protocol === 'UDP' ? '/udp' : ''}`;
}

/** An empty backend, declared before anybody needs it. */
export function slotName(profile: Profile, index: number): string {
  return `slot_${profileName(profile)}_${index}`;
}

/** Profile name and number of a slot, or undefined when the backend is not one. */
export function parseSlotName(backend: string): { readonly profile: string; readonly index: number } | undefined {
  const match = /^slot_([a-z0-9]+)_(\d+)$/.exec(backend);
  return match ? { profile: match[1]!, index: Number(match[2]) } : undefined;
}

/** Whether services are served by a backend of that name: one of its own, or a slot. */
export function holdsServices(backend: string): boolean {
  return parseSlotName(backend) !== undefined || backend.startsWith('backend_');
}

const INDEX_BITS = 17;

/** HAProxy's numeric id of a named backend: says its profile, so that a running worker can be asked for it. */
export function backendId(profile: Profile, index: number): number {
  return (profileCode(profileName(profile)) << INDEX_BITS) | index;
}

/** Whether a backend with this id was declared with this profile. */
export function backendIdHasProfile(id: number, profile: Profile): boolean {
  return id >> INDEX_BITS === profileCode(profileName(profile));
}

// 1..16383, so that ids stay positive 31-bit numbers.
function profileCode(name: string): number {
  if (name === 'plain') return 1;
  if (name === 'healthz') return 2;
  return 3 + (hash32(name) % 16_381);
}
