import { renderChange as renderForwards } from '../forwarding/render.ts';
import { haproxyFiles, type HaproxySettings } from '../haproxy/files.ts';
import { renderChange as renderCaught } from '../nftables/elements.ts';
import { renderLimits } from '../nftables/limits.ts';
import { limitChange } from '../planning/limits.ts';
import type { Plan } from '../plan.ts';
import type { Wanted } from '../wanted/wanted.ts';

const SETTINGS: HaproxySettings = {
  configFile: '/etc/haproxy/haproxy.cfg',
  mapFile: '/etc/haproxy/services.map',
  statsSocket: '/run/haproxy.sock',
  masterSocket: '/run/haproxy-master.sock',
  catchPort: 5000,
  healthPort: 5001,
  families: ['ipv4', 'ipv6'],
  slots: 2,
};

/** haproxy.cfg and its map as a machine writes them that has just started, with no haproxy running. */
export function filesOf(wanted: Wanted): string {
  const writing = haproxyFiles(wanted, undefined, SETTINGS);
  for (;;) {
    const step = writing.next();
    if (step.done === true) return [...step.value.config, ...step.value.map].join('');
  }
}

/** What nft is told where nothing is there yet. */
export function nftOf({ steps, forwards }: Plan): readonly string[] {
  const caught = steps.flatMap((step) => (step.kind === 'catch' ? [step.caught] : []));
  const limits = steps.flatMap((step) => (step.kind === 'limit' ? [limitChange(step.from, step.to)] : []));
  const put = [...forwards.values()];
  return [
    renderCaught({ add: caught, remove: [] }),
    ...renderLimits(limits),
    renderForwards({ put, remove: [] }, new Set()),
  ].filter((line) => line !== undefined);
}
