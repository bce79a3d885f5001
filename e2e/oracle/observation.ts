/** What was seen of a whole site at about one moment: plain data, from the parts themselves. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly site: SiteFacts;
  /** Every Service of the cluster; undefined: a site without Kubernetes. */
  readonly services: readonly ServiceFacts[] | undefined;
  /** Every LB machine of the site. */
  readonly machines: readonly MachineFacts[];
  /** One for each VIP:port that the cloudagent says is served. */
  readonly answers: readonly Answer[];
}

/** What the cloudagent says, and what is in its store. */
export interface SiteFacts {
  readonly loadBalancers: readonly LoadBalancerFacts[];
  readonly pools: readonly PoolFacts[];
  readonly machines: readonly ConnectionFacts[];
  /** Addresses that keepalived itself moves, one for each set. */
  readonly anchors: readonly string[];
  /** As stored. */
  readonly holdings: readonly HoldingFacts[];
  /** Freed addresses that wait, as stored. */
  readonly rests: readonly { readonly address: string; readonly until: number }[];
}

export interface LoadBalancerFacts {
  /** The Service's UID, or a name for what the site declares. */
  readonly id: string;
  /** For people: cluster/namespace/name. */
  readonly name: string;
  readonly cluster: string;
  /** Empty for one that is no Service's. */
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  /** What it takes of its addresses: `TCP/80`. */
  readonly claims: readonly string[];
  readonly state: 'PENDING' | 'SERVING' | 'REFUSED';
  readonly message: string;
  /** ADDRESS:PORT of every backend of every port. */
  readonly targets: readonly string[];
}

export interface PoolFacts {
  readonly name: string;
  readonly total: number;
  readonly free: number;
  readonly held: number;
  readonly quarantined: number;
  readonly reserved: number;
  /** Who may share an address. */
  readonly sharing: 'namespace' | 'cluster';
}

export interface ConnectionFacts {
  readonly name: string;
  readonly connected: boolean;
  readonly problem: string;
  /** How many generations it is behind. */
  readonly lag: number;
}

export interface HoldingFacts {
  readonly address: string;
  /** Of a load balancer. */
  readonly id: string;
  readonly name: string;
  /** Absent: it shares with nobody. */
  readonly sharingKey?: string;
}

export interface ServiceFacts {
  readonly uid: string;
  /** namespace/name */
  readonly name: string;
  readonly resourceVersion: string;
  readonly isLoadBalancer: boolean;
  readonly deleting: boolean;
  readonly hasFinalizer: boolean;
  /** status.loadBalancer */
  readonly ingress: readonly string[];
  readonly ports: readonly number[];
  readonly nodePorts: readonly number[];
  /** What it takes of its addresses: `TCP/80`. */
  readonly claims: readonly string[];
  /** By annotation. */
  readonly sharingKey?: string;
  /** Label `app` that its Pods have; their echo programs answer with names that begin with it. */
  readonly app: string | undefined;
  /** Conditions of ours by type without the prefix: `True`, `False` or `Unknown`. */
  readonly conditions: Readonly<Record<string, string>>;
}

export interface MachineFacts {
  readonly name: string;
  /** Its own, at most one of each family. */
  readonly addresses: readonly string[];
  /** Undefined: it is down, or could not be asked. */
  readonly inside: MachineInside | undefined;
}

/** What is on an LB machine. Endpoints are written ADDRESS:PORT, or [ADDRESS]:PORT. */
export interface MachineInside {
  /** Addresses on its links; those of loopback, and link-local ones of IPv6, left out. */
  readonly addresses: readonly string[];
  /** What nftables sends to HAProxy. */
  readonly caught: readonly string[];
  /** services.map and haproxy.cfg: what a restarted HAProxy would serve. */
  readonly file: Routes;
  /** What the running worker serves; undefined: it does not answer. */
  readonly running: Routes | undefined;
  /** Of HAProxy, master and workers, in order: equal before and after means that none was reloaded. */
  readonly haproxyPids: readonly number[];
}

/** VIP:PORT to the servers that its connections are sent to, in order; those in maintenance left out. */
export type Routes = Readonly<Record<string, readonly string[]>>;

export interface Answer {
  readonly address: string;
  readonly port: number;
  /** Name of the echo program that answered, or `something` for another answer. */
  readonly by?: string;
  readonly failure?: string;
}
