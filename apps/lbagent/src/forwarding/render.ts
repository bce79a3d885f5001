import { hash32 } from '@fairlead/haproxy';
import { type Address, familyOf, formatEndpoint } from '@fairlead/model';
import { TABLE } from './base.ts';
import { type BucketKind, bucketKind, BUCKETS, fillBuckets } from './buckets.ts';
import { FAMILIES } from './families.ts';
import type { Destination, Forward, ForwardingChange, ObservedForward } from './types.ts';

/** Of the hash that chooses a bucket: the same on every machine, so that a flow keeps its backend when it changes machines. */
const SEED = '0x6661697f';

/** PURE. Tells one state of a forward from every other. */
export function sealOf({ vip, port, loadBalancerId, byClient, backends, draining }: Forward): string {
  const at = ({ address, port: to }: Destination): string => formatEndpoint(address, to);
  const alive = backends.map((each) => `${each.name} ${at(each)}`).sort();
  const spread = byClient ? ['by client'] : [];
  return hash32(JSON.stringify([vip, port, loadBalancerId, alive, draining.map(at).sort(), ...spread])).toString(16);
}

/** PURE. `udp_10.9.100.1_53`: the forward's chain. nft takes no colon in a name. */
export function forwardName({ vip, port }: Pick<Forward, 'vip' | 'port'>): string {
  return `udp_${vip.replaceAll(':', '-')}_${port}`;
}

/** PURE. The map of its buckets, of which it has one kind at a time. */
export function bucketMapName(forward: Pick<Forward, 'vip' | 'port'>, kind: BucketKind): string {
  return kind === 'few' ? forwardName(forward) : `${forwardName(forward)}_many`;
}

/** PURE. Undefined: that is not the name of a forward. */
export function parseForwardName(name: string): { readonly vip: string; readonly port: number } | undefined {
  const match = /^udp_([0-9a-f.-]+)_(\d{1,5})$/.exec(name);
  return match ? { vip: match[1]!.replaceAll('-', ':'), port: Number(match[2]) } : undefined;
}

/** PURE. The comment on the one rule of a forward's chain. */
export function forwardComment(seal: string): string {
  return `fairlead ${seal}`;
}

/**
 * PURE. One line for `nft -i`: one transaction, which may be repeated. `left`: addresses that have a forward afterwards.
 * Undefined when there is nothing to do. nft before 1.0.7 cannot delete what may not be there, so what goes is added first.
 */
export function renderChange({ put, remove }: ForwardingChange, left: ReadonlySet<Address>): string | undefined {
  const statements = [
    ...put.flatMap(putStatements),
    ...remove.flatMap(removeStatements),
    ...[...new Set(remove.map(({ vip }) => vip))].filter((vip) => !left.has(vip)).flatMap(releaseStatements),
  ];
  return statements.length === 0 ? undefined : statements.join('; ');
}

/** A map that a rule uses and that is constant cannot be changed by anybody: what stands there is what was put there. */
function mapOf(kind: BucketKind, header: 'ip' | 'ip6', elements: string): string {
  return `{ typeof meta length : ${header} daddr . udp dport; flags constant; size ${BUCKETS[kind]};${elements} }`;
}

function dropMaps(forward: Pick<Forward, 'vip' | 'port'>): readonly string[] {
  const { header } = FAMILIES[familyOf(forward.vip)];
  return (['few', 'many'] as const).flatMap((kind) => {
    const map = bucketMapName(forward, kind);
    return [`add map inet ${TABLE} ${map} ${mapOf(kind, header, '')}`, `delete map inet ${TABLE} ${map}`];
  });
}

function putStatements(forward: Forward): readonly string[] {
  const name = forwardName(forward);
  const { header, vips, ports, chains } = FAMILIES[familyOf(forward.vip)];
  const at = `${forward.vip} . ${forward.port}`;
  const buckets = fillBuckets(forward).map(({ address, port }, bucket) => `${bucket} : ${address} . ${port}`);
  const chosenBy = forward.byClient ? `${header} saddr` : `${header} saddr . udp sport`;
  const kind = bucketKind(forward);
  const choice = `jhash ${chosenBy} mod ${BUCKETS[kind]} seed ${SEED}`;
  const map = bucketMapName(forward, kind);
  return [
    `add chain inet ${TABLE} ${name}`,
    `flush chain inet ${TABLE} ${name}`,
    ...dropMaps(forward),
    `add map inet ${TABLE} ${map} ${mapOf(kind, header, ` elements = { ${buckets.join(', ')} };`)}`,
    `add rule inet ${TABLE} ${name} meta l4proto udp dnat ${header} to ${choice} map @${map} comment "${forwardComment(sealOf(forward))}"`,
    `add element inet ${TABLE} ${vips} { ${forward.vip} }`,
    `add element inet ${TABLE} ${ports} { ${at} }`,
    `add element inet ${TABLE} ${chains} { ${at} : goto ${name} }`,
  ];
}

function removeStatements(gone: Pick<ObservedForward, 'vip' | 'port'>): readonly string[] {
  const name = forwardName(gone);
  const { ports, chains } = FAMILIES[familyOf(gone.vip)];
  const at = `${gone.vip} . ${gone.port}`;
  return [
    `add chain inet ${TABLE} ${name}`,
    `add element inet ${TABLE} ${chains} { ${at} : goto ${name} }`,
    `delete element inet ${TABLE} ${chains} { ${at} }`,
    `add element inet ${TABLE} ${ports} { ${at} }`,
    `delete element inet ${TABLE} ${ports} { ${at} }`,
    `flush chain inet ${TABLE} ${name}`,
    `delete chain inet ${TABLE} ${name}`,
    ...dropMaps(gone),
  ];
}

function releaseStatements(vip: Address): readonly string[] {
  const { vips } = FAMILIES[familyOf(vip)];
  return [`add element inet ${TABLE} ${vips} { ${vip} }`, `delete element inet ${TABLE} ${vips} { ${vip} }`];
}
