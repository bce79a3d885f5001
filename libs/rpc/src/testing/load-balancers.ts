import { failure, RpcFailure } from '../failure.ts';
import { LoadBalancersService } from '../definitions.ts';
import { serve, type Handlers, type ServedService } from '../server.ts';

export type LoadBalancers = Handlers<typeof LoadBalancersService>;

/** The service with these handlers; the others are not part of the test and say so. */
export function loadBalancers(handlers: Partial<LoadBalancers>): ServedService {
  const unused = async (): Promise<never> => {
    throw failure('UNIMPLEMENTED', 'UNUSED', 'not part of this test');
  };
  return serve(LoadBalancersService, {
    openSession: unused,
    syncNodes: unused,
    ensure: unused,
    delete: unused,
    async *watchStatus() {
      yield {};
      throw failure('UNIMPLEMENTED', 'UNUSED', 'not part of this test');
    },
    ...handlers,
  });
}

/** The failure of a call that must not succeed. */
export async function rejected(call: Promise<unknown>): Promise<RpcFailure> {
  return await call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => (error instanceof RpcFailure ? error : Promise.reject(error as Error)),
  );
}
