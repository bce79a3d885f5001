import type { Address, Node } from '@fairlead/model';
import { familyOf, parseAddress, parseCidr } from '@fairlead/model';
import type { NodeObject } from '../cluster/objects.ts';

const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/**
 * A node as the cloudagent is told of it. Eligible unless it is
 * | leaving: being deleted, tainted by the autoscaler, in maintenance | keeps its connections (draining) |
 * | excluded by label | gets nothing |
 * NotReady and cordoned nodes stay: health checks decide (semantics of upstream's service controller, without its flaps).
 */
export function describeNode(node: NodeObject): Node {
  const leaving = node.deleting || node.taints.includes(AUTOSCALER_TAINT) || inMaintenance(node.maintenance);
  const addresses = internalAddresses(node.internalIps);
  return {
    name: node.name,
    addresses,
    eligible: !leaving && !excluded(node.excludeLabel) && addresses.length > 0,
    draining: leaving,
    podCidrs: node.podCidrs.filter((cidr) => parseCidr(cidr).ok),
  };
}

// Read as upstream reads it (Go's strconv.ParseBool): garbage excludes, so that a slip takes a node out, never in.
function excluded(label: string | undefined): boolean {
  return label !== undefined && !FALSE.includes(label);
}

// Set without a value, or with a reason such as "disk replaced", it is in maintenance.
function inMaintenance(annotation: string | undefined): boolean {
  return annotation !== undefined && !FALSE.includes(annotation);
}

const FALSE: readonly string[] = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** The first InternalIP of each family; text that is no address is passed over. */
function internalAddresses(texts: readonly string[]): Address[] {
  const found: Address[] = [];
  for (const text of texts) {
    const parsed = parseAddress(text);
    if (parsed.ok && !found.some((other) => familyOf(other) === familyOf(parsed.value))) found.push(parsed.value);
  }
  return found;
}

/** What must be said so that who knows `before` knows `after`; undefined: nothing. */
export function diffNodes(
  before: ReadonlyMap<string, Node>,
  after: ReadonlyMap<string, Node>,
): { readonly full: false; readonly upsert: readonly Node[]; readonly remove: readonly string[] } | undefined {
  const upsert = [...after.values()].filter((node) => JSON.stringify(before.get(node.name)) !== JSON.stringify(node));
  const remove = [...before.keys()].filter((name) => !after.has(name));
  return upsert.length === 0 && remove.length === 0 ? undefined : { full: false, upsert, remove };
}
