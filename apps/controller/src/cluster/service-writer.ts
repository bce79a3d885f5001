import type { StatusChange } from '../status.ts';
import type { Api } from './api.ts';
import { ApiFailure, MERGE_PATCH } from './api.ts';
import type { Cluster } from './cluster.ts';
import { field, texts } from './narrow.ts';
import type { ServiceObject } from './objects.ts';
import { FINALIZER } from './objects.ts';

/**
 * The only writes to Services. Each names the UID, so that it cannot hit another Service of the same name, and each
 * resolves with `gone` when that Service is no more.
 */
export interface ServiceWriter {
  addFinalizer(service: ServiceObject): Promise<'written' | 'gone'>;
  removeFinalizer(service: ServiceObject): Promise<'written' | 'gone'>;
  /** `hold`: puts our finalizer on as well, in the same write, so that a new Service costs the API server one. */
  changeStatus(service: ServiceObject, change: StatusChange, hold?: boolean): Promise<'written' | 'gone'>;
}

/** Thrown instead of writing by somebody who is not the leader (any more). */
export class NotLeading extends Error {
  constructor() {
    super('not the leader: nothing is written');
    this.name = 'NotLeading';
  }
}

export function createServiceWriter(
  api: Api,
  cluster: Pick<Cluster, 'observeService'>,
  leads: () => boolean,
): ServiceWriter {
  async function patch(service: ServiceObject, subresource: string, body: PatchBody): Promise<Written | 'gone'> {
    if (!leads()) throw new NotLeading();
    const { namespace, name, uid } = service.metadata;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}${subresource}`;
    try {
      const answer = await api.request({
        method: 'PATCH',
        path,
        contentType: MERGE_PATCH,
        body: { ...body, metadata: { ...body.metadata, uid } },
      });
      cluster.observeService(answer);
      return { finalizers: texts(field(field(answer, 'metadata'), 'finalizers')) ?? [] };
    } catch (error) {
      if (isGone(error, uid)) return 'gone';
      throw error;
    }
  }

  async function addFinalizer(service: ServiceObject): Promise<'written' | 'gone'> {
    return outcomeOf(await patch(service, '', { metadata: { finalizers: [FINALIZER] } }));
  }

  return {
    addFinalizer,
    removeFinalizer: async (service) =>
      outcomeOf(await patch(service, '', { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] } })),
    // Strategic merge: a list of finalizers is a set, and conditions are a map by type, so others' stay as they are.
    async changeStatus(service, { ingress, setConditions, removeConditions }, hold = false) {
      const removed = removeConditions.map((type) => ({ $patch: 'delete', type }));
      const conditions = [...setConditions, ...removed];
      const written = await patch(service, '/status', {
        ...(hold ? { metadata: { finalizers: [FINALIZER] } } : {}),
        status: {
          ...(ingress === undefined ? {} : { loadBalancer: { ingress } }),
          ...(conditions.length === 0 ? {} : { conditions }),
        },
      });
      // The API server takes metadata with the status of a Service (strategy.go keeps only the spec); should one not do so:
      if (hold && written !== 'gone' && !written.finalizers.includes(FINALIZER)) return addFinalizer(service);
      return outcomeOf(written);
    },
  };
}

interface Written {
  /** Those of the Service afterwards. */
  readonly finalizers: readonly string[];
}

function outcomeOf(written: Written | 'gone'): 'written' | 'gone' {
  return written === 'gone' ? 'gone' : 'written';
}

interface PatchBody {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Not there, or another one under its name: the API server refuses a patch that would change a UID. */
function isGone(error: unknown, uid: string): boolean {
  if (!(error instanceof ApiFailure)) return false;
  return error.status === 404 || (error.status === 409 && error.message.includes(uid));
}
