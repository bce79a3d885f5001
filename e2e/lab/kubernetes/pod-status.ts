import type { KubeObject } from './api-client.ts';

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext?: SecurityContext;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
  readonly readinessProbe?: Probe;
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
}

interface EntriesOf {
  readonly items?: readonly { readonly key: string; readonly path: string }[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

export interface ProjectedSource {
  readonly serviceAccountToken?: {
    readonly path: string;
    readonly expirationSeconds?: number;
    readonly audience?: string;
  };
  readonly configMap?: EntriesOf & { readonly name: string };
  readonly downwardAPI?: { readonly items: readonly { readonly path: string }[] };
}

export interface Volume {
  readonly name: string;
  readonly secret?: EntriesOf & { readonly secretName: string };
  readonly configMap?: EntriesOf & { readonly name: string };
  readonly emptyDir?: object;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly projected?: { readonly sources: readonly ProjectedSource[] };
}

export interface Pod extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly namespace: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly volumes?: readonly Volume[];
    readonly securityContext?: SecurityContext & { readonly fsGroup?: number };
    readonly containers: readonly Container[];
    readonly readinessGates?: readonly unknown[];
  };
  readonly status?: { readonly phase?: string };
}

/** What the kubelet writes of a Pod whose containers run. Times are RFC 3339. */
export function runningStatus(
  pod: Pod,
  facts: {
    readonly podIPs: readonly string[];
    readonly hostIPs: readonly string[];
    readonly started: string;
    readonly ready: boolean;
    readonly readySince: string;
  },
): unknown {
  const condition = (type: string, met: boolean, since: string) => ({
    type,
    status: met ? 'True' : 'False',
    lastTransitionTime: since,
    ...(met ? {} : { reason: 'ContainersNotReady' }),
  });
  return {
    phase: 'Running',
    hostIP: facts.hostIPs[0],
    hostIPs: facts.hostIPs.map((ip) => ({ ip })),
    podIP: facts.podIPs[0],
    podIPs: facts.podIPs.map((ip) => ({ ip })),
    startTime: facts.started,
    conditions: [
      condition('PodReadyToStartContainers', true, facts.started),
      condition('Initialized', true, facts.started),
      condition('ContainersReady', facts.ready, facts.readySince),
      condition('Ready', facts.ready, facts.readySince),
    ],
    containerStatuses: pod.spec.containers.map((container) => ({
      name: container.name,
      image: container.image ?? '',
      imageID: '',
      containerID: `lab://${pod.metadata.uid}/${container.name}`,
      ready: facts.ready,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: facts.started } },
    })),
  };
}

/** Ports as the echo program takes them: TCP ports speak HTTP unless their name begins with "tcp". 8080 when none is declared. */
export function echoPorts(pod: Pod): string[] {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  if (ports.length === 0) return ['--http', '8080'];
  return ports.flatMap(({ name, containerPort, protocol }) => {
    if (protocol === 'UDP') return ['--udp', String(containerPort)];
    if (name?.startsWith('proxy') === true) return ['--proxy', String(containerPort)];
    return [name?.startsWith('tcp') ? '--tcp' : '--http', String(containerPort)];
  });
}

/** The probe's port by number, or by the name of a container port. */
export function probePort(pod: Pod, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return pod.spec.containers.flatMap((each) => each.ports ?? []).find(({ name }) => name === port)?.containerPort;
}
