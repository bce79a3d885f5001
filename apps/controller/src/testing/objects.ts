import type {
  NodeObject,
  ServiceObject,
  ServicePort,
  ServiceSpec,
  ServiceStatus,
  SliceEndpoint,
  SliceObject,
} from '../cluster/objects.ts';
import type { Metadata } from '../cluster/objects.ts';
import { CLASS } from '../desired.ts';

export interface ServiceParts {
  readonly metadata?: Partial<Metadata>;
  readonly spec?: Partial<ServiceSpec>;
  readonly status?: Partial<ServiceStatus>;
}

export const HTTP: ServicePort = { name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 };

/** A Service of our class with one port, shop/front, as the API server would return it. */
export function service({ metadata, spec, status }: ServiceParts = {}): ServiceObject {
  return {
    metadata: {
      name: 'front',
      namespace: 'shop',
      uid: 'uid-1',
      resourceVersion: '1',
      labels: {},
      annotations: {},
      finalizers: [],
      ...metadata,
    },
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: CLASS,
      externalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      allocateLoadBalancerNodePorts: true,
      ports: [HTTP],
      ...spec,
    },
    status: { ingress: [], conditions: [], ...status },
  };
}

/** A node that serves. */
export function node(parts: Partial<NodeObject> = {}): NodeObject {
  return { name: 'node-1', deleting: false, taints: [], podCidrs: [], internalIps: ['10.1.0.1'], ...parts };
}

/** A slice of shop/front with one pod each on these nodes, for port "http". */
export function slice(...endpoints: readonly (readonly [node: string, state: SliceEndpoint['state']])[]): SliceObject {
  return {
    name: 'front-1',
    service: 'shop/front',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: endpoints.map(([node, state], index) => ({
      pod: `front-${node}-${index}`,
      node,
      addresses: [`10.200.${node.charCodeAt(0)}.${index + 2}`],
      state,
    })),
  };
}
