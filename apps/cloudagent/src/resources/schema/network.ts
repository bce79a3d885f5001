import { familyOf, familyText, parseCidr, rangeContains, specialUseWithin } from '@fairlead/model';
import * as z from 'zod';
import type { NetworkResource } from '../types.ts';
import { address, choice, unique } from './fields.ts';

/** One layer-2 segment. */
export const networkSpec = z
  .strictObject({
    subnets: unique(z.string(), (text) => text).min(1),
    gateways: unique(address, String).default([]),
    dns: unique(address, String).default([]),
    mtu: z.int().min(1280).max(9216).optional(),
    announce: choice(['arp'], ['none']).default('arp'),
  })
  .transform((spec, context): NetworkResource['spec'] => {
    const subnets = spec.subnets.flatMap((text, index) => {
      const subnet = parseCidr(text);
      const special = subnet.ok ? specialUseWithin(subnet.value) : undefined;
      const wrong = subnet.ok ? special && `${text} ${special}: it can be no network` : subnet.error;
      if (wrong !== undefined)
        context.issues.push({ code: 'custom', message: wrong, path: ['subnets', index], input: text });
      return subnet.ok ? [subnet.value] : [];
    });
    for (const [index, gateway] of spec.gateways.entries()) {
      if (subnets.length < spec.subnets.length || subnets.some((subnet) => rangeContains(subnet, gateway))) continue;
      const message = `gateway ${gateway} is in none of the ${familyText(familyOf(gateway))} subnets of this network`;
      context.issues.push({ code: 'custom', message, path: ['gateways', index], input: gateway });
    }
    const { mtu, ...rest } = spec;
    return { ...rest, subnets, subnetTexts: spec.subnets, ...(mtu === undefined ? {} : { mtu }) };
  });
