import { address, isCheckPath, type LoadBalancer, type MachineState, type PlacedLoadBalancer } from '@fairlead/model';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import { node, nodePort, nodeSet, placed, stateOf } from '../testing/example.ts';
import { filesOf, nftOf } from '../testing/rendered.ts';
import { viewFor } from '../testing/fresh-view.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const READ = { families: ['ipv4', 'ipv6'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const GOOD = placed('good', '10.9.0.150', [nodePort(80)]);

/** A load balancer with this text wherever a person, or somebody who got through the cloudagent, may have written. */
function writtenBy(text: string): PlacedLoadBalancer {
  const { loadBalancer, addresses } = placed(text, ['10.9.0.151', 'fd09::151'], []);
  const endpoint = { name: text, address: address('10.200.0.1'), port: 8080, draining: false, node: text };
  const local = { kind: 'node-port', nodePort: 30_080, nodes: [text], drainingNodes: [text] } as const;
  const changed: LoadBalancer = {
    ...loadBalancer,
    namespace: text,
    name: text,
    pool: text,
    sharingKey: text,
    labels: { [text]: text },
    namespaceLabels: { [text]: text },
    families: ['ipv4', 'ipv6'],
    sourceRanges: ['10.0.0.0/8'],
    options: { maxConnections: 5 },
    affinity: { timeoutSeconds: 60 },
    ports: [
      nodePort(81, { name: text }),
      nodePort(82, { name: text, target: { kind: 'endpoints', endpoints: [endpoint] }, check: { kind: 'tcp' } }),
      nodePort(83, { name: text, target: local, check: { kind: 'http', port: 32_000, path: '/healthz' } }),
      nodePort(53, { name: text, protocol: 'UDP' }),
    ],
  };
  return { loadBalancer: changed, addresses };
}

function stateWith(text: string): MachineState {
  return stateOf([GOOD, writtenBy(text)], nodeSet([{ ...node('node-1'), name: text }]));
}

/** Without what is for people, and what is a digest of everything. */
function bare(wanted: Wanted): string {
  return filesOf(wanted)
    .replace(/^#.*\n/gm, '')
    .replace(/^ {4}description .*\n/m, '')
    .replace(/,?\|?[0-9a-f]{16}\b/g, ' DIGEST');
}

const HOSTILE = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1 }),
  fc
    .tuple(
      fc.constantFrom('front', '', '10.9.0.151', 'backend_'),
      fc.constantFrom('\n', '\r\n', '\0', '"', "'", '#', '${HOME}', ' }; flush ruleset; ', '\\', '\u2028', '|', '\t'),
      fc.constantFrom('', 'server evil 192.0.2.66:1', '\n    bind *:22', '\nbackend evil', 'x'.repeat(5_000)),
    )
    .map((parts) => parts.join('')),
);

it('text of people reaches haproxy.cfg in comments only, made plain, and nft not at all', () => {
  const expected = bare(wantedOf(stateWith('plain'), READ));
  expect(expected).toContain('backend_10.9.0.151_53_udp');
  fc.assert(
    fc.property(HOSTILE, (text) => {
      const wanted = wantedOf(stateWith(text), READ);
      expect(wanted.refused.size).toBe(0);
      expect(bare(wanted)).toBe(expected);
      for (const line of filesOf(wanted).match(/^#.*$/gm)!) expect(line).toMatch(/^# [\w .:,()/?-]+$/);
      for (const line of nftOf(plan(wanted, viewFor(wanted), OPTIONS))) expect(line).toMatch(/^[-\w .:;,{}@="/]+$/);
    }),
    { numRuns: 300 },
  );
});

it('a check path that is none is refused, with its load balancer and no other', () => {
  const without = bare(wantedOf(stateOf([GOOD]), READ));
  fc.assert(
    fc.property(
      HOSTILE.filter((text) => !isCheckPath(`/${text}`)),
      (text) => {
        const bad = placed('bad', '10.9.0.151', [nodePort(81, { check: { kind: 'http', port: 0, path: `/${text}` } })]);
        const wanted = wantedOf(stateOf([GOOD, bad]), READ);
        expect([...wanted.refused.keys()]).toEqual(['bad']);
        expect(bare(wanted)).toBe(without);
      },
    ),
    { numRuns: 50 },
  );
});
