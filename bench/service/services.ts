import type { KubeObject } from '../../e2e/lab/kubernetes/api-client.ts';
import type { Kind } from './protocol.ts';

/** A Service, as much of it as the bench reads. */
export interface Service extends KubeObject {
  readonly spec: { readonly ports: readonly { readonly nodePort?: number }[] };
  readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string }[] } };
}

export const NAMESPACE = '/api/v1/namespaces/default';
export const SERVICES = `${NAMESPACE}/services`;
export const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

/** The Deployment whose pods answer. */
export const APP = 'web';
/** Where a Service answers. */
export const PORT = 80;
/** Of the pods: they greet whoever connects. */
const TARGET_PORT = 9000;

/** To create it. */
export function serviceOf(name: string, kind: Kind, type: 'LoadBalancer' | 'NodePort' = 'LoadBalancer'): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type,
      ...(kind === 'selected' ? { selector: { app: APP } } : {}),
      ...(kind === 'foreign' ? { loadBalancerClass: 'example.com/other' } : {}),
      ports: [{ name: 'tcp', port: PORT, targetPort: TARGET_PORT }],
    },
  };
}

/** To create it: as the control plane makes it for a Service with a selector. */
export function sliceOf(service: string, pods: readonly string[]): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-pods`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: pods.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'tcp', port: TARGET_PORT, protocol: 'TCP' }],
  };
}

/** To patch the status with: the least that a controller writes. */
export function ownAddress(): object {
  return { status: { loadBalancer: { ingress: [{ ip: '10.9.200.1', ipMode: 'Proxy' }] } } };
}
