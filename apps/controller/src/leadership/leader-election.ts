import type { Clock } from '@fairlead/control-loop';
import { pause } from '@fairlead/control-loop';
import type { Api } from '../cluster/api.ts';
import { ApiFailure } from '../cluster/api.ts';
import { field, integer, text } from '../cluster/narrow.ts';
import type { Decision, ElectionTimes, LeaseRecord, Observation } from './leadership.ts';
import { decide, observe, stillLeads } from './leadership.ts';

export interface ElectionOptions {
  readonly api: Api;
  readonly namespace: string;
  readonly leaseName: string;
  /** Unique among the candidates. */
  readonly me: string;
  readonly times: ElectionTimes;
  /** Goes on while the process is stopped. */
  readonly clock: Clock;
  /** For what is written into the Lease. */
  readonly wallClock: () => Date;
  readonly random: () => number;
  readonly onLeading: () => void;
  /** Called at most once, when leadership that was held is gone: the process must stop at once. */
  readonly onLost: (why: string) => void;
  readonly onFailure: (error: unknown) => void;
  readonly onHolder?: (holder: string) => void;
}

export interface Election {
  /** True while we may act; to be asked before every write. */
  leads(): boolean;
  /** Takes part until the signal is aborted or leadership is lost. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Lets go of a lease that is ours, so that another may lead at once. Does nothing when it is not. */
  release(): Promise<void>;
}

/** Takes part in the election of one leader by a Lease. Election does not fence: the cloudagent's sessions do. */
export function createElection(options: ElectionOptions): Election {
  const { api, me, times, clock } = options;
  const now = (): number => clock.now();
  const path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  let observation: Observation | undefined;
  let renewedAt: number | undefined;
  let wasLeading = false;
  let finished = false;

  async function attempt(): Promise<void> {
    if (observation === undefined || decide(observation, me, now()).kind !== 'renew') await look();
    const decision = decide(observation!, me, now());
    options.onHolder?.(decision.kind === 'wait' ? decision.holder : me);
    if (decision.kind === 'wait') return;
    const asked = now();
    await write(decision);
    // From when the request left: the answer may have been long on its way.
    renewedAt = asked;
    if (!wasLeading && !finished) {
      wasLeading = true;
      options.onLeading();
    }
  }

  async function look(): Promise<void> {
    const found = await api
      .request({ method: 'GET', path: `${path}/${options.leaseName}`, timeoutMs: times.renewDeadlineMs / 2 })
      .catch((error: unknown) => {
        if (error instanceof ApiFailure && error.status === 404) return undefined;
        throw error;
      });
    observation = observe(observation, found === undefined ? undefined : readLease(found), now());
  }

  async function write(decision: Exclude<Decision, { kind: 'wait' }>): Promise<void> {
    const record = decision.kind === 'create' ? undefined : decision.record;
    const body = leaseBody(options, record, decision.kind === 'renew');
    try {
      const answer = await api.request({
        method: record === undefined ? 'POST' : 'PUT',
        path: record === undefined ? path : `${path}/${options.leaseName}`,
        body,
        timeoutMs: times.renewDeadlineMs / 2,
      });
      observation = observe(observation, readLease(answer), now());
    } catch (error) {
      // Somebody else wrote it: read it again before the next decision.
      if (decision.kind === 'renew') await look();
      throw error;
    }
  }

  function lose(why: string): void {
    finished = true;
    renewedAt = undefined;
    options.onLost(why);
  }

  // Beside the attempts, because an API server that does not answer must not keep the deadline from being seen.
  function watchDeadline(): void {
    if (finished) return;
    if (wasLeading && !stillLeads(renewedAt, now(), times)) {
      lose(`the lease could not be renewed for ${times.renewDeadlineMs} ms`);
    } else clock.after(Math.min(250, times.renewDeadlineMs / 4), watchDeadline);
  }

  return {
    leads: () => !finished && stillLeads(renewedAt, now(), times),

    async run(signal) {
      watchDeadline();
      while (!signal.aborted && !finished) {
        await attempt().catch(options.onFailure);
        if (wasLeading && !finished && observation?.record !== undefined && observation.record.holder !== me) {
          lose(`${observation.record.holder || 'nobody'} holds the lease now`);
        }
        await pause(clock, times.retryMs * (1 + options.random() * 0.2), signal);
      }
    },

    async release() {
      const record = observation?.record;
      const ours = !finished && stillLeads(renewedAt, now(), times) && record?.holder === me;
      finished = true;
      renewedAt = undefined;
      if (!ours) return;
      const body = leaseBody(options, record, true);
      const freed = { ...body, spec: { ...body.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
      await api.request({ method: 'PUT', path: `${path}/${options.leaseName}`, body: freed, timeoutMs: 3_000 });
    },
  };
}

function readLease(raw: unknown): LeaseRecord {
  const spec = field(raw, 'spec');
  const metadata = field(raw, 'metadata');
  return {
    holder: text(field(spec, 'holderIdentity')) ?? '',
    renewTime: text(field(spec, 'renewTime')) ?? '',
    leaseMs: (integer(field(spec, 'leaseDurationSeconds')) ?? 0) * 1000,
    transitions: integer(field(spec, 'leaseTransitions')) ?? 0,
    acquireTime: text(field(spec, 'acquireTime')) ?? '',
    resourceVersion: text(field(metadata, 'resourceVersion')) ?? '',
    marks: { labels: field(metadata, 'labels'), annotations: field(metadata, 'annotations') },
  };
}

function leaseBody(options: ElectionOptions, record: LeaseRecord | undefined, renewing: boolean) {
  // MicroTime wants six digits (metav1.MicroTime).
  const stamp = options.wallClock().toISOString().replace('Z', '000Z');
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: options.leaseName,
      namespace: options.namespace,
      ...(record === undefined ? {} : { ...record.marks, resourceVersion: record.resourceVersion }),
    },
    spec: {
      holderIdentity: options.me,
      leaseDurationSeconds: Math.ceil(options.times.leaseMs / 1000),
      acquireTime: renewing ? record?.acquireTime || stamp : stamp,
      renewTime: stamp,
      leaseTransitions: (record?.transitions ?? 0) + (renewing || record === undefined ? 0 : 1),
    },
  };
}
