import { SEED_DEFAULTS } from '@fairlead/haproxy';
import { NODE_PORT, SERVICE_PORT, plainVipOf } from './state.ts';

/**
 * haproxy.cfg in the plain way, a frontend and a backend for each service (number to backend addresses). Without health
 * checks: of thousands of services they would use up the machine that both contenders share.
 */
export function renderSeedConfig(services: ReadonlyMap<number, readonly string[]>, statsSocket: string): string {
  const blocks = [...services].map(([index, addresses]) => {
    const name = `${plainVipOf(index)}_${SERVICE_PORT}`;
    return `
frontend frontend_${name}
    bind ${plainVipOf(index)}:${SERVICE_PORT}
    mode tcp
    default_backend backend_${name}

backend backend_${name}
    mode tcp
    balance roundrobin
${addresses.map((address, server) => `    server tcp${server} ${address}:${NODE_PORT}`).join('\n')}
`;
  });
  return `${GLOBAL.replace('STATS', statsSocket)}${blocks.join('')}`;
}

const GLOBAL = `global
    log /dev/log local0 info
    stats socket STATS mode 600 level admin
    stats timeout 2m

${SEED_DEFAULTS}`;
