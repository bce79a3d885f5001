import {
  CertificatesService,
  failure,
  HealthService,
  MachinesService,
  pb,
  serve,
  SiteService,
  startServer,
} from '@fairlead/rpc';
import type { HandlerContext, ServedService } from '@fairlead/rpc';
import { createLogger } from '@fairlead/telemetry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../program.ts';

/** What is asked of the site, and what it answers; a test changes the answers. */
export interface FakeSite {
  readonly socket: string;
  readonly directory: string;
  readonly asked: { readonly method: string; readonly request: unknown }[];
  resources: pb.Resource.$Properties[];
  show: pb.ShowResponse.$Properties;
  violations: pb.Violation.$Properties[];
  /** Ends a watch after what there is, with this. */
  watch: (context: HandlerContext) => AsyncIterable<pb.WatchResponse.$Properties>;
  /** One command line as a shell would give it, with `input` on standard input. */
  run(line: string, options?: Partial<RunOptions>): Promise<Ran>;
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly input: string;
  readonly stopping: AbortSignal;
  /** Milliseconds since 1970; `NOW` unless told. */
  readonly now: number;
  /** Told of everything that goes to standard output. */
  readonly onOut: (text: string) => void;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const NOW = Date.parse('2026-01-01T12:00:00Z');

/** A cloudagent as seen from its admin socket, over real gRPC, that knows what it is told. */
export async function startFakeSite(): Promise<FakeSite> {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-cli-'));
  const socket = join(directory, 'admin.sock');
  const asked: FakeSite['asked'] = [];
  const site: FakeSite = {
    socket,
    directory,
    asked,
    resources: [],
    show: {},
    violations: [],
    watch: async function* watch() {},
    run: async (line, options = {}) => await runLine(`--socket ${socket} ${line}`, options),
    async stop() {
      await server.stop(0);
      await rm(directory, { recursive: true });
    },
  };
  const server = await startServer({
    ...QUIET,
    listen: `unix:${socket}`,
    callers: 'admin-socket',
    services: servicesOf(site),
  });
  return site;
}

/** How the servers of tests treat their callers: anybody may do anything, and nothing is logged. */
export const QUIET = {
  authorise: () => undefined,
  log: createLogger({ component: 'test', level: 'fatal', destination: { write: () => {} } }),
} as const;

/** The services of a cloudagent that knows what it is told. */
export function servicesOf(site: FakeSite): ServedService[] {
  const note = (method: string, request: unknown) => void site.asked.push({ method, request });
  const find = (kind: string, name: string) => site.resources.find((each) => each.kind === kind && each.name === name);
  return [
    serve(SiteService, {
      async apply(request) {
        note('apply', request);
        if (site.violations.length > 0) return { applied: [], violations: site.violations };
        return { applied: site.resources.map(({ kind, name }) => ({ kind, name, result: 'created' })), violations: [] };
      },
      get: async ({ kind, name }) => ({ resource: find(kind, name) ?? null }),
      list: async ({ kind }) => ({ resources: site.resources.filter((each) => each.kind === kind) }),
      watch: (_request, context) => site.watch(context),
      async deleteResource(request) {
        note('delete', request);
        if (request.name === 'busy') throw failure('FAILED_PRECONDITION', 'IN_USE', 'Machine/busy is used by somebody');
        if (find(request.kind, request.name) === undefined) throw failure('NOT_FOUND', 'NOT_FOUND', 'not there');
        return {};
      },
      show: async () => site.show,
    }),
    serve(MachinesService, {
      async add(request) {
        note('add', request);
        return { agentAddress: request.agentAddress || '10.0.0.22', joinToken: 'fairlead1.machine' };
      },
    }),
    serve(CertificatesService, {
      async createJoinToken(request) {
        note('createJoinToken', request);
        return { token: `fairlead1.${request.kind}`, expires: { seconds: NOW / 1_000 + 86_400 } };
      },
      async listCertificates() {
        const lasting = (identity: string, hours: number) => ({
          identity,
          serial: 'ab12',
          notBefore: { seconds: NOW / 1_000 - 3_600 },
          notAfter: { seconds: NOW / 1_000 + hours * 3_600 },
        });
        return {
          certificates: [lasting('fairlead://lab/operator/alice', 11), lasting('fairlead://lab/lbagent/lb-1', 719)],
        };
      },
    }),
    serve(HealthService, { checkHealth: async () => ({ healthy: true, problems: [], version: '9.9.9' }) }),
  ];
}

/** Runs a command line in this process; words are separated by single spaces. */
export async function runLine(line: string, options: Partial<RunOptions> = {}, environment = {}): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await run(line.split(' '), {
    terminal: {
      out: (text) => {
        out += text;
        options.onOut?.(text);
      },
      err: (text) => void (err += text),
      readInput: async () => options.input ?? '',
      inputIsTerminal: false,
      colour: false,
    },
    environment,
    now: () => options.now ?? NOW,
    stopping: options.stopping ?? new AbortController().signal,
    program: 'fairlead',
  });
  return { code, out, err };
}

/** A resource as the site sends it. */
export function resource(kind: string, name: string, spec: object, declaredIn = ''): pb.Resource.$Properties {
  const json = JSON.stringify({ apiVersion: 'fairlead.dev/v1', kind, metadata: { name }, spec });
  return { kind, name, json, declaredIn };
}

/** A site where one machine is lost and one Service has no address. */
export const SHOWN: pb.ShowResponse.$Properties = {
  site: 'lab',
  version: { epoch: 3, generation: 128 },
  problems: ['nothing can be stored in /var/lib/fairlead/cloudagent.db, its disk is full: make room there'],
  clusters: [{ name: 'prod', session: 7, sessionHolder: 'controller-1', watching: true, nodes: ['node-1', 'node-2'] }],
  pools: [{ name: 'default', total: '66', free: '63', held: 2, quarantined: 1 }],
  machines: [
    {
      name: 'lb-1',
      loadBalancerSet: 'default',
      agentAddress: '10.0.0.20:7430',
      connected: true,
      applied: { epoch: 3, generation: 128 },
      ownedInstances: ['default'],
      capabilities: {
        agentVersion: '0.1.0',
        haproxyVersion: '3.0.5',
        keepalivedVersion: '2.3.1',
        kernelVersion: '6.12',
      },
    },
    {
      name: 'lb-2',
      loadBalancerSet: 'default',
      agentAddress: '10.0.0.21:7430',
      connected: false,
      connectionError: 'connection refused',
      findings: ['its clock is 90 s late: set it'],
    },
  ],
  loadBalancers: [
    {
      cluster: 'prod',
      namespace: 'shop',
      name: 'front',
      ports: ['80/TCP', '443/TCP'],
      status: {
        id: 'uid-1',
        addresses: ['192.168.0.157'],
        state: pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING,
        machines: [
          { machine: 'lb-1', connected: true, applied: true, owner: true },
          { machine: 'lb-2', connected: false },
        ],
      },
      backends: [
        { name: 'node-1', target: '10.0.0.101:30080', up: true },
        { name: 'node-2', target: '10.0.0.102:30080', up: false },
      ],
    },
    {
      cluster: 'prod',
      namespace: 'shop',
      name: 'back',
      ports: ['80/TCP'],
      status: {
        id: 'uid-2',
        state: pb.LoadBalancerState.LOAD_BALANCER_STATE_REFUSED,
        refusal: { reason: 'POOL_EXHAUSTED', message: 'no free IPv4 address: pool default is full' },
      },
    },
    {
      name: 'registry',
      ports: ['443/TCP'],
      status: {
        id: 'static/registry',
        addresses: ['192.168.0.158'],
        state: pb.LoadBalancerState.LOAD_BALANCER_STATE_PENDING,
      },
      backends: [{ name: 'a', target: '10.0.0.5:8443', up: true }],
      draining: [
        { machine: 'lb-1', backend: 'a', port: 443, connections: 2, seconds: 12 },
        { machine: 'lb-2', backend: 'a', port: 443, connections: 1, seconds: 11 },
      ],
    },
    {
      cluster: 'prod',
      name: 'control-plane',
      ports: ['6443/TCP'],
      status: {
        id: 'control-plane/prod',
        addresses: ['192.168.0.156'],
        state: pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING,
      },
    },
  ],
};

export const POOL = resource(
  'VipPool',
  'default',
  { network: 'lan', ranges: ['192.168.0.150-192.168.0.215'] },
  'site.yaml',
);
export const MACHINES = ['lb-1', 'lb-2'].map((name, index) =>
  resource('Machine', name, {
    loadBalancerSet: 'default',
    agentAddress: `10.0.0.2${index}`,
    interfaces: [{ network: 'lan', device: 'eth0' }],
  }),
);
export const CLUSTER = resource('Cluster', 'prod', {
  loadBalancerSet: 'default',
  controlPlane: { port: 6443 },
  nodeCIDRs: ['10.0.0.0/24'],
});
export const REGISTRY = resource('LoadBalancer', 'registry', { loadBalancerSet: 'default' });
