import { address, type LoadBalancer, type Node } from '@fairlead/model';
import { siteYaml } from '@fairlead/testing';
import { applyResources } from '../decisions/apply-resources.ts';
import { MutableTruth } from '../truth/mutable-truth.ts';
import { resourcesOf } from '../resources/stored.ts';
import type { Decision, Truth } from '../truth/truth.ts';

/** A truth that has taken the site and nothing else. */
export function truthOf(yaml = siteYaml(), now = 1_000): MutableTruth {
  const truth = new MutableTruth([], []);
  const change = { put: resourcesOf(yaml), remove: [] };
  const conflicts = decide(truth, (current) => applyResources(current, change, { siteName: 'test', now }));
  if (conflicts.length > 0) throw new Error(JSON.stringify(conflicts));
  return truth;
}

/** Takes the decision's changes at once, as the keeper would after the commit. */
export function decide<Answer>(truth: MutableTruth, decision: (truth: Truth) => Decision<Answer>): Answer {
  const { answer, changes } = decision(truth);
  if (changes !== undefined) truth.take(changes);
  return answer;
}

/** A Service of cluster prod with one NodePort. */
export function service(name: string, more: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    id: `uid-${name}`,
    cluster: 'prod',
    namespace: 'shop',
    name,
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [
      {
        name: 'http',
        protocol: 'TCP',
        port: 80,
        target: { kind: 'node-port', nodePort: 30_080, nodes: 'all' },
        check: { kind: 'node' },
      },
    ],
    labels: {},
    namespaceLabels: {},
    ...more,
  };
}

export function node(name: string, text: string, more: Partial<Node> = {}): Node {
  return { name, addresses: [address(text)], eligible: true, draining: false, podCidrs: [], ...more };
}
