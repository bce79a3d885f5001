/** The machines of the baseline as their packages' examples would have them. */

export interface PlainMachine {
  readonly name: string;
  readonly address: string;
  readonly priority: number;
}

/** keepalived: VRRP version 2 by multicast, an advert a second, every VIP in the configuration, the usual check. */
export function renderPlainKeepalived(machine: PlainMachine, vips: readonly string[], checkScript: string): string {
  const addresses = (some: readonly string[]) => some.map((vip) => `        ${vip}/32 dev eth0`).join('\n');
  return `global_defs {
    router_id ${machine.name}
    script_user root
    enable_script_security
}

vrrp_script haproxy {
    script "${checkScript}"
}

vrrp_instance bench {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 61
    priority ${machine.priority}
    virtual_ipaddress {
${addresses(vips.slice(0, MOST_IN_ADVERT))}
    }
    virtual_ipaddress_excluded {
${addresses(vips.slice(MOST_IN_ADVERT))}
    }
    track_script {
        haproxy
    }
}
`;
}

/** keepalived's manual: more than 20 do not belong in the adverts themselves. */
const MOST_IN_ADVERT = 20;

/** haproxy: a frontend and a backend for each VIP, and a port by which the check sees that it lives. */
export function renderPlainHaproxy(vips: readonly string[], backends: readonly string[], port: number): string {
  const servers = backends.map((address, index) => `    server tcp${index} ${address}:${port} check`).join('\n');
  const blocks = vips.map(
    (vip) => `
frontend frontend_${vip}_80
    bind ${vip}:80
    mode tcp
    default_backend backend_${vip}_80

backend backend_${vip}_80
    mode tcp
    balance roundrobin
${servers}
`,
  );
  return `${HEAD}${blocks.join('')}`;
}

const HEAD = `global
    log /dev/log local0 info

defaults
    timeout client 30s
    timeout connect 10s
    timeout server 30s
    log global
    option tcplog
    maxconn 10000

frontend health
    bind 127.0.0.1:5001
    mode http
    http-request return status 200
`;

export const CHECK_SCRIPT = `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/5001 || exit 1
printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3
IFS= read -r -t 0.9 -u 3 line || exit 1
[[ $line == HTTP/1.?' 200 '* ]]
`;
