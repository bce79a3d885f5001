import type { StatusChange } from '../status.ts';
import type { Api } from './api.ts';
import { ApiFailure, MERGE_PATCH } from './api.ts';
import type { Cluster } from './cluster.ts';
import type { ServiceObject } from './objects.ts';
import { FINALIZER } from './objects.ts';

/**
 * The only writes to Services. Each names the UID, so that it cannot hit another Service of the same name, and each
 * resolves with `gone` when that Service is no more.
 */
export interface ServiceWriter {
  addFinalizer(service: ServiceObject): Promise<'written' | 'gone'>;
  removeFinalizer(service: ServiceObject): Promise<'written' | 'gone'>;
  changeStatus(service: ServiceObject, change: StatusChange): Promise<'written' | 'gone'>;
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
  async function patch(service: ServiceObject, subresource: string, body: PatchBody): Promise<'written' | 'gone'> {
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
      return 'written';
    } catch (error) {
      if (isGone(error, uid)) return 'gone';
      throw error;
    }
  }

  return {
    // Strategic merge: a list of finalizers is a set, and conditions are a map by type, so others' stay as they are.
    addFinalizer: (service) => patch(service, '', { metadata: { finalizers: [FINALIZER] } }),
    removeFinalizer: (service) =>
      patch(service, '', { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] } }),
    changeStatus(service, { ingress, setConditions, removeConditions }) {
      const removed = removeConditions.map((type) => ({ $patch: 'delete', type }));
      const conditions = [...setConditions, ...removed];
      return patch(service, '/status', {
        status: {
          ...(ingress === undefined ? {} : { loadBalancer: { ingress } }),
          ...(conditions.length === 0 ? {} : { conditions }),
        },
      });
    },
  };
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
