import { eventually } from '../../e2e/tests/eventually.ts';
import { BULK } from '../machine/state.ts';
import { type LoadedRig, type Way, WAYS } from './rig.ts';

/** What `iperf3` prints, with `options`, after `seconds` from the client on one of the ways. */
export function iperf<Read>(
  { machines, iperf3 }: LoadedRig,
  { way, seconds, options }: { readonly way: Way; readonly seconds: number; readonly options: readonly string[] },
  read: (printed: string) => Read,
): Promise<Read> {
  const argv = [iperf3, '--client', WAYS[way], '--port', `${BULK.port}`, '--json', '--time', `${seconds}`, ...options];
  // Its server takes a moment to see that the test before is over.
  return eventually(async () => read((await machines.exec('client', argv)).stdout));
}
