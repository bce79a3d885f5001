import { readFileSync } from 'node:fs';
import type { ScriptMode } from './render.ts';

/** How keepalived can move addresses here: see `ScriptMode`. `auto`: as this process' user and groups allow. */
export function chooseScriptMode(asked: ScriptMode | 'auto'): ScriptMode {
  if (asked !== 'auto') return asked;
  // Script security keeps others than root from having root run what they wrote.
  if (process.geteuid?.() !== 0) return 'keepalived-unsecured';
  return scriptModeOf(readFileSync('/proc/self/uid_map', 'utf8'), readFileSync('/proc/self/gid_map', 'utf8'));
}

/** PURE. From user_namespaces(7) maps: keepalived sets its groups before a script, which takes more than one of them. */
export function scriptModeOf(uidMap: string, gidMap: string): ScriptMode {
  const mapped = (map: string): number =>
    map
      .trim()
      .split('\n')
      .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
  const all = 4_294_967_295;
  if (mapped(uidMap) >= all) return 'keepalived';
  return mapped(gidMap) > 1 ? 'keepalived-unsecured' : 'lbagent';
}
