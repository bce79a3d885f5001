/** What a lab's site should be like. */
export interface SiteOptions {
  /** Worker nodes, 1-99. */
  readonly nodes: number;
  /** LB machines, 1-8. */
  readonly machines: number;
  /** Whether the site file has them; else somebody adds them. */
  readonly declareMachines: boolean;
  /** VRRP, for example "30ms". */
  readonly advertInterval: string;
  /** How long a freed address waits, for example "0s". */
  readonly quarantine: string;
  /** Ranges of the VipPool; 200 addresses unless given. All in 10.9.0.0/16. */
  readonly vipRanges?: readonly string[];
  /** True: the cluster's API server is served at an address of the site. */
  readonly controlPlane: boolean;
  /** Everything has an IPv6 address too, and the cluster's Services may. */
  readonly dualStack: boolean;
  /** Load balancers whose backends are the echo programs of the nodes. */
  readonly staticLoadBalancers: readonly string[];
  /** More fields of the Cluster's spec, for example `drainTimeout`. */
  readonly cluster?: Readonly<Record<string, unknown>>;
}

export interface SiteHost {
  readonly name: string;
  readonly address: string;
  /** On a site of both families. */
  readonly address6?: string;
}

export interface NodeHost extends SiteHost {
  readonly podCidr: string;
  readonly podCidr6?: string;
}

/** Who is where. */
export interface Site {
  readonly name: string;
  readonly subnet: string;
  /** On a site of both families. */
  readonly subnet6?: string;
  /** The lab's own address on the bridge: what runs on host "wire" has it. */
  readonly wire: string;
  readonly client: SiteHost;
  /** etcd, API server, controllers. */
  readonly control: SiteHost;
  readonly cloudagent: SiteHost;
  readonly machines: readonly SiteHost[];
  readonly nodes: readonly NodeHost[];
  readonly cluster: {
    readonly name: string;
    readonly nodeCidr: string;
    readonly podCidr: string;
    readonly serviceCidr: string;
    /** Of a cluster of both families. */
    readonly ipv6?: { readonly nodeCidr: string; readonly podCidr: string; readonly serviceCidr: string };
    /** Of the API server, and of its load balancer. */
    readonly port: number;
    /** The API server's address as a load balancer serves it; absent without one. */
    readonly controlPlaneAddress?: string;
  };
  readonly vipPool: { readonly name: string; readonly ranges: readonly string[] };
  readonly loadBalancerSet: string;
  /** Of the echo program on every node. */
  readonly echo: { readonly http: number; readonly tcp: number; readonly udp: number };
}

const CONTROL_PLANE_ADDRESS = '10.9.100.250';
const VIPS6 = 'fd09::100:1-fd09::100:c8';

export function planSite(options: SiteOptions): Site {
  const count = (name: string, value: number, most: number) => {
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new Error(`${name}: ${value} does not do, give a whole number from 1 to ${most}`);
    }
    return Array.from({ length: value }, (_, index) => index + 1);
  };
  const { dualStack } = options;
  const host = (name: string, low: string): SiteHost => ({
    name,
    address: `10.9.${low}`,
    ...(dualStack ? { address6: `fd09::${low.replace(/^0\./, '').replace('.', ':')}` } : {}),
  });
  return {
    name: 'lab',
    subnet: '10.9.0.0/16',
    ...(dualStack ? { subnet6: 'fd09::/64' } : {}),
    wire: '10.9.0.1',
    client: host('client', '0.100'),
    control: host('control', '0.10'),
    cloudagent: host('cloudagent', '0.11'),
    machines: count('machines', options.machines, 8).map((n) => host(`lb-${n}`, `1.${n}`)),
    nodes: count('nodes', options.nodes, 99).map((n) => ({
      ...host(`node-${n}`, `2.${n}`),
      podCidr: `10.200.${n}.0/24`,
      ...(dualStack ? { podCidr6: `fd10:0:0:${n}::/64` } : {}),
    })),
    cluster: {
      name: 'lab',
      nodeCidr: '10.9.2.0/24',
      podCidr: '10.200.0.0/16',
      serviceCidr: '10.201.0.0/16',
      ...(dualStack ? { ipv6: { nodeCidr: 'fd09::2:0/112', podCidr: 'fd10::/48', serviceCidr: 'fd11::/112' } } : {}),
      port: 6443,
      ...(options.controlPlane ? { controlPlaneAddress: CONTROL_PLANE_ADDRESS } : {}),
    },
    vipPool: {
      name: 'default',
      ranges: options.vipRanges ?? ['10.9.100.1-10.9.100.200', ...(dualStack ? [VIPS6] : [])],
    },
    loadBalancerSet: 'default',
    echo: { http: 8080, tcp: 9000, udp: 9001 },
  };
}
