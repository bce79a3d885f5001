import type { NodeObject, ServiceObject, ServicePort, ServiceSpec, ServiceStatus } from '../cluster/objects.ts';
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
