import { parseAddress, specialUse } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import * as z from 'zod';
import type { MachineResource } from '../types.ts';
import { name, parsed, port, unique } from './fields.ts';

const DEFAULT_AGENT_PORT = 7430;

/** Loopback is allowed: a site on one host is good for trying things. */
const agentAddress = parsed<Address>((text) => {
  const address = parseAddress(text);
  if (!address.ok) return address;
  const special = specialUse(address.value);
  if (special === undefined || special.includes('loopback')) return address;
  return { ok: false, error: `${text} ${special}: no machine can have it` };
});

/** What Linux takes as the name of a link (`dev_valid_name`). */
const device = parsed<string>((text) => {
  if (/^[A-Za-z0-9_.@-]{1,15}$/.test(text) && text !== '.' && text !== '..') return { ok: true, value: text };
  return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not a link name: write for example eth0` };
});

/** One LB machine. */
export const machineSpec = z
  .strictObject({
    loadBalancerSet: name,
    agentAddress,
    agentPort: port.default(DEFAULT_AGENT_PORT),
    interfaces: unique(z.strictObject({ network: name, device }), ({ network }) => `network ${network}`).min(1),
  })
  .transform((spec): MachineResource['spec'] => spec);
