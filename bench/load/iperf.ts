import { eventually } from '../../e2e/tests/eventually.ts';
import { BULK } from '../machine/state.ts';
import { SECONDS } from './each-way.ts';
import { type LoadedRig, type Way, WAYS } from './rig.ts';

/** What `iperf3` prints, with `options`, after a turn from the client on one of the ways. */
export function iperf<Read>(
  { machines, iperf3 }: LoadedRig,
  { way, options }: { readonly way: Way; readonly options: readonly string[] },
  read: (printed: string) => Read,
): Promise<Read> {
  const argv = [iperf3, '--client', WAYS[way], '--port', `${BULK.port}`, '--json', '--time', `${SECONDS}`, ...options];
  // Its server takes a moment to see that the test before is over.
  return eventually(async () => read((await machines.exec('client', argv)).stdout));
}
