import { nextMachineAddress } from '@fairlead/ipam';
import { type Address, address } from '@fairlead/model';
import { failure, formatCaller, type Handlers, type MachinesService, type pb } from '@fairlead/rpc';
import { type Logger, withTrace } from '@fairlead/telemetry';
import { applyDocuments } from '../decisions/apply-documents.ts';
import type { SiteIdentity } from '../identity/open-identity.ts';
import { parse } from '../resources/parse.ts';
import { API_VERSION } from '../resources/types.ts';
import type { TruthKeeper } from '../truth/truth-keeper.ts';
import type { Decision, Truth } from '../truth/truth.ts';

export interface MachinesServiceSettings {
  readonly siteName: string;
  readonly keeper: TruthKeeper;
  readonly identity: Pick<SiteIdentity, 'makeJoinToken'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
}

/** What operators call to add LB machines. */
export function machinesService(settings: MachinesServiceSettings): Handlers<typeof MachinesService> {
  const { keeper, siteName, identity, now, log } = settings;
  return {
    async add(request, context) {
      const by = formatCaller(context.identity);
      const agentAddress = await keeper.change(
        (truth) => addMachine(truth, request, { siteName, now: now() }),
        context.trace,
      );
      const { token } = await identity.makeJoinToken({ kind: 'lbagent', name: request.name, by });
      withTrace(log, context.trace).info(
        { audit: 'machine-added', machine: request.name, agentAddress, by },
        'machine added',
      );
      return { agentAddress, joinToken: token };
    },
  };
}

/** The Machine resource as asked for; one that is there already stays as it is. Throws what its author must mend. PURE. */
export function addMachine(
  truth: Truth,
  request: Pick<pb.AddRequest, 'name' | 'loadBalancerSet' | 'agentAddress' | 'device'>,
  context: { readonly siteName: string; readonly now: number },
): Decision<Address> {
  const { name, loadBalancerSet, device } = request;
  const set = truth.site.sets.get(loadBalancerSet);
  if (set === undefined) {
    const message = `there is no LoadBalancerSet ${JSON.stringify(loadBalancerSet)}: name one of ${[...truth.site.sets.keys()].join(', ')}`;
    throw failure('NOT_FOUND', 'SET_UNKNOWN', message, 'load_balancer_set');
  }
  const known = truth.site.machines.get(name)?.spec;
  const isSame =
    known?.loadBalancerSet === loadBalancerSet && (request.agentAddress || known.agentAddress) === known.agentAddress;
  if (known !== undefined && isSame) return { answer: known.agentAddress };

  const pool = truth.site.nodeIpPools.get(set.spec.nodeIpPool)!;
  const agentAddress = request.agentAddress || freeAddress(truth, pool.name);
  const document = {
    apiVersion: API_VERSION,
    kind: 'Machine',
    metadata: { name },
    spec: { loadBalancerSet, agentAddress, interfaces: [{ network: pool.spec.network, device: device || 'eth0' }] },
  };
  const parsing = parse([{ yaml: JSON.stringify(document), source: '' }]);
  const { answer, changes } = applyDocuments(truth, parsing, { author: 'api', dryRun: false, ...context });
  if (!answer.ok) {
    const text = answer.violations.map(({ field, message }) => `${field}: ${message}`).join('; ');
    throw failure('INVALID_ARGUMENT', 'MACHINE_REFUSED', text);
  }
  return { answer: address(agentAddress), ...(changes === undefined ? {} : { changes }) };
}

function freeAddress(truth: Truth, poolName: string): Address {
  const pool = truth.site.nodeIpPools.get(poolName)!;
  const found = nextMachineAddress(pool.spec, [], truth.occupied);
  if (found !== undefined) return found;
  const message = `NodeIpPool/${poolName} has no free address: add a range, or name one with --address`;
  throw failure('FAILED_PRECONDITION', 'POOL_EXHAUSTED', message, 'agent_address');
}
