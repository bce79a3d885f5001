import { runOrThrow } from '../processes/run.ts';
import { TABLE, tableFamilies } from './ruleset.ts';
import type { RulesetSettings } from './types.ts';

/** Takes lbagent's tables away, with all that is in them. That there are none is success. */
export async function removeRuleset(nft: string, settings: Pick<RulesetSettings, 'ipv6'>): Promise<void> {
  const lines = tableFamilies(settings).map(
    (family) => `add table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`,
  );
  await runOrThrow([nft, '-f', '-'], { input: lines.join('') });
}
