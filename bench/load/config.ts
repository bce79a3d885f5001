import { SEED_DEFAULTS } from '@fairlead/haproxy';
import { BULK, HTTP_NODE_PORT, NODES, SERVICE_PORT } from '../machine/state.ts';

/** haproxy.cfg of the baseline: the loaded service alone, bound to its address, with the defaults that lbagent writes. */
export function renderPlainLoaded(vip: string): string {
  const service = (port: number, target: number, nodes: readonly { address: string }[]) => `
frontend frontend_${vip}_${port}
    bind ${vip}:${port}
    mode tcp
    default_backend backend_${vip}_${port}

backend backend_${vip}_${port}
    mode tcp
    balance roundrobin
    option redispatch 1
${nodes.map(({ address }, index) => `    server tcp${index} ${address}:${target}`).join('\n')}
`;
  const bulk = NODES.filter(({ name }) => name === BULK.node);
  return `${HEAD}${service(SERVICE_PORT, HTTP_NODE_PORT, NODES)}${service(BULK.port, BULK.port, bulk)}`;
}

const HEAD = `global
    log /dev/log local0 info

${SEED_DEFAULTS}`;

/** haproxy.cfg of a node: the quickest answer to a request that there is. */
export const NODE_CONFIG = `global
    nbthread 1

defaults
    mode http
    timeout client 30s
    timeout http-request 30s

frontend answers
    bind :${HTTP_NODE_PORT}
    http-request return status 200 content-type text/plain string ok
`;

/** Input of `nft -f` on the machine of the baseline: the VIP's bulk port goes to its node, answers come back, and that is all. */
export function renderPlainDnat(vip: string): string {
  const { address } = NODES.find(({ name }) => name === BULK.node)!;
  return `table ip plain {
  chain incoming {
    type nat hook prerouting priority -100; policy accept;
    ip daddr ${vip} meta l4proto { tcp, udp } th dport ${BULK.port} dnat to ${address}
  }
  chain source {
    type nat hook postrouting priority 100; policy accept;
    ip daddr ${address} masquerade
  }
}
`;
}
