import type { Clock } from '@fairlead/control-loop';
import { explainFailure, type Logger } from '@fairlead/telemetry';
import { ApiFailure } from './cluster/api.ts';

/** What keeps the controller from its work, by part ("services", "the lease"): said once, kept for readiness. */
export interface Complaints {
  report(part: string, error: unknown): void;
  /** All went well with it at that time of the clock; now, unless given. */
  clear(part: string, at?: number): void;
  /** One sentence each, of what was reported lately. */
  current(): readonly string[];
  /** Those of them that do not pass by themselves: what the API server forbids. */
  lasting(): readonly string[];
}

/** Whoever fails tries again within 30 s: what was not reported for longer is over. */
const LASTS_MS = 45_000;

export function createComplaints(clock: Clock, log: Logger): Complaints {
  const complaints = new Map<string, { readonly sentence: string; readonly at: number; readonly lasts: boolean }>();
  const recent = (): { readonly sentence: string; readonly lasts: boolean }[] => {
    const since = clock.now() - LASTS_MS;
    return [...complaints.values()].filter(({ at }) => at > since);
  };
  return {
    report(part, error) {
      const sentence = explainApi(error);
      const isNews = complaints.get(part)?.sentence !== sentence;
      const lasts = isForbidden(error);
      complaints.set(part, { sentence, at: clock.now(), lasts });
      const level = isNews ? (lasts ? 'error' : 'warn') : 'debug';
      log[level]({ part }, sentence);
    },
    clear(part, at = clock.now()) {
      if ((complaints.get(part)?.at ?? Infinity) <= at) complaints.delete(part);
    },
    current: () => [...new Set(recent().map(({ sentence }) => sentence))],
    lasting: () => [...new Set(recent().flatMap(({ sentence, lasts }) => (lasts ? [sentence] : [])))],
  };
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiFailure && (error.status === 401 || error.status === 403);
}

/** What a failed request to the API server means to a person, and what to do. */
export function explainApi(error: unknown): string {
  if (!(error instanceof ApiFailure)) return explainFailure(error);
  const said = error.message
    .replace(/^.*?: the API server answered \d+: /, '')
    .replace(/^.*?: no answer from the API server: /, '');
  switch (error.status) {
    case 401:
      return 'the API server does not know who asks (401): renew the token or client certificate in the kubeconfig, or let the pod have its service account';
    case 403:
      return `the API server does not allow what the controller needs: ${said}: apply its rbac.yaml (the Helm chart does), and bind the roles in it to that user`;
    case 0:
      if (/certificate|self[- ]signed|unable to/i.test(said)) {
        return `the API server is not the one that the kubeconfig trusts (${said}): correct server and certificate-authority in it`;
      }
      return `the API server does not answer (${said}): see that it runs, and that server in the kubeconfig is right`;
    default:
      return error.message;
  }
}
