import { failure, formatCaller, type HandlerContext, type Handlers, type pb, type SiteService } from '@fairlead/rpc';
import { type Logger, withTrace } from '@fairlead/telemetry';
import { applyDocuments, deleteResource } from '../decisions/apply-documents.ts';
import type { Fleet } from '../push.ts';
import { resourceStatus, type StatusSources } from './resource-status.ts';
import { parse } from '../resources/parse.ts';
import { resourceToJson } from '../resources/stored.ts';
import { type Resource, RESOURCE_KINDS, type ResourceKind } from '../resources/types.ts';
import { showSite } from './show.ts';
import { compareText } from '../truth/site.ts';
import type { StatusBoard } from '../status/board.ts';
import type { TruthKeeper } from '../truth/truth-keeper.ts';
import { watchResources } from './watch-resources.ts';

export interface SiteServiceSettings {
  readonly siteName: string;
  readonly keeper: TruthKeeper;
  readonly fleet: Pick<Fleet, 'view' | 'problemOf' | 'subscribe'>;
  readonly board: Pick<StatusBoard, 'statusOf' | 'subscribe'>;
  /** Clusters whose controller watches now. */
  readonly watching: () => ReadonlySet<string>;
  /** What keeps the cloudagent itself from its work now, each one sentence. */
  readonly problems: () => readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
}

/** What operators call: the site's resources, and the site on one screen. */
export function siteService(settings: SiteServiceSettings): Handlers<typeof SiteService> {
  const { keeper, siteName, now } = settings;
  const sources = (): StatusSources => ({ ...settings, truth: keeper.truth, now: now() });
  const toProto = (resource: Resource) => resourceToProto(resource, sources());
  return {
    async apply({ documents, dryRun }, context) {
      const parsing = parse(documents.map(({ yaml, source }) => ({ yaml, source })));
      const outcome = await keeper.change(
        (truth) => applyDocuments(truth, parsing, { author: 'api', dryRun, siteName, now: now() }),
        context.trace,
      );
      if (!outcome.ok) return { applied: [], violations: [...outcome.violations] };
      const changed = outcome.applied.filter(({ result }) => result !== 'unchanged');
      if (!dryRun && changed.length > 0) audit(settings, context, { audit: 'resources-applied', changed });
      return { applied: [...outcome.applied], violations: [] };
    },

    async get({ kind, name }) {
      return { resource: toProto(mustFind(keeper, mustKnow(kind), name)) };
    },

    async list({ kind }) {
      return { resources: resourcesOfKind(keeper, mustKnow(kind)).map(toProto) };
    },

    watch({ kind }, { signal }) {
      const known = mustKnow(kind);
      const current = () =>
        new Map(resourcesOfKind(keeper, known).map((resource) => [resource.name, toProto(resource)]));
      return watchResources(current, settings, signal);
    },

    async deleteResource({ kind, name }, context) {
      const { kind: known } = mustFind(keeper, mustKnow(kind), name);
      const key = `${known}/${name}`;
      const violations = await keeper.change(
        (truth) => deleteResource(truth, key, { siteName, now: now() }),
        context.trace,
      );
      if (violations.length > 0) {
        throw failure('FAILED_PRECONDITION', 'IN_USE', violations.map(({ message }) => message).join('; '));
      }
      audit(settings, context, { audit: 'resource-deleted', resource: key });
      return {};
    },

    async show() {
      return showSite({ ...sources(), siteName, watching: settings.watching(), problems: settings.problems() });
    },
  };
}

function resourceToProto(resource: Resource, sources: StatusSources): pb.Resource.$Properties {
  const { kind, name, declaredIn } = resource;
  return { kind, name, declaredIn, json: resourceToJson(resource, resourceStatus(resource, sources)) };
}

function resourcesOfKind({ truth }: TruthKeeper, kind: ResourceKind): Resource[] {
  const resources = [...truth.resources.values()].filter((resource) => resource.kind === kind);
  return resources.sort((a, b) => compareText(a.name, b.name));
}

function mustKnow(text: string): ResourceKind {
  const kind = RESOURCE_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  const message = `there is no kind ${JSON.stringify(text.slice(0, 64))}: name one of ${RESOURCE_KINDS.join(', ')}`;
  throw failure('INVALID_ARGUMENT', 'KIND_UNKNOWN', message, 'kind');
}

function mustFind({ truth }: TruthKeeper, kind: ResourceKind, name: string): Resource {
  const resource = truth.resources.get(`${kind}/${name}`);
  if (resource !== undefined) return resource;
  const message = `there is no ${kind} ${JSON.stringify(name.slice(0, 64))}: list those there are with fairlead get ${kind}`;
  throw failure('NOT_FOUND', 'NOT_FOUND', message, 'name');
}

function audit({ log }: SiteServiceSettings, { identity, trace }: HandlerContext, facts: object): void {
  withTrace(log, trace).info({ ...facts, by: formatCaller(identity) }, 'the site was changed');
}
