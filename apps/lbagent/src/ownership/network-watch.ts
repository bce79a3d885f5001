import { explainFailure, type Logger } from '@fairlead/telemetry';
import { isLossy, noteChecks, STEADY } from './network-judgement.ts';
import type { Ownership } from './ownership.ts';
import type { StatusBoard } from '../status-board.ts';

export interface NetworkWatchParts {
  readonly ownership: Pick<Ownership, 'setLossy'>;
  readonly board: Pick<StatusBoard, 'find'>;
  readonly log: Logger;
}

const LOSSY =
  "checks of most nodes fail and pass again and again, as when packets are lost, so other machines are preferred: look at this machine's link (ip -s link), cable and switch port";

/**
 * Takes, again and again, which node checks pass, and lets another machine be preferred while that looks like a network
 * that loses packets.
 */
export function watchNetwork({
  ownership,
  board,
  log,
}: NetworkWatchParts): (passing: ReadonlyMap<string, boolean>) => void {
  let wavering = STEADY;
  let lossy = false;
  return (passing) => {
    const now = performance.now();
    wavering = noteChecks(wavering, passing, now);
    const is = isLossy(wavering, now);
    if (is !== lossy) log.warn({ lossy: is }, is ? LOSSY : 'checks of nodes are steady again');
    lossy = is;
    board.find('network', is ? [LOSSY] : []);
    try {
      ownership.setLossy(is);
      board.find('lossy file', []);
    } catch (error) {
      board.find('lossy file', [`keepalived cannot be told that another machine is better: ${explainFailure(error)}`]);
    }
  };
}
