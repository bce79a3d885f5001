import { runOrThrow } from '../processes/run.ts';
import { TABLE } from './ruleset.ts';

/** Takes lbagent's tables away, with all that is in them. That there are none is success. */
export async function removeRuleset(nft: string): Promise<void> {
  const lines = ['inet', 'ip'].map((family) => `add table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`);
  await runOrThrow([nft, '-f', '-'], { input: lines.join('') });
}
