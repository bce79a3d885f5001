import { diskOf } from '../protocol.ts';

/** Files and flags of the programs on their hosts: the one place where the lab knows the apps' command lines. */

/** Unix socket on host "cloudagent" where root is admin. */
export const ADMIN_SOCKET = '/run/fairlead/admin.sock';

const CONTROL_PORT = 7420;
const JOIN_PORT = 7421;
const METRICS_PORT = 7422;
const LBAGENT_PORT = 7430;
const LBAGENT_METRICS_PORT = 7431;

export const PORTS = {
  control: CONTROL_PORT,
  join: JOIN_PORT,
  metrics: METRICS_PORT,
  lbagent: LBAGENT_PORT,
  lbagentMetrics: LBAGENT_METRICS_PORT,
} as const;

export const SITE_FILE = '/etc/fairlead/site.yaml';

/** All that follows `cloudagent` on its command line. */
export function cloudagentArguments(siteName: string, host: { name: string; address: string }): string[] {
  const disk = diskOf(host.name);
  // One flag a line.
  // prettier-ignore
  return [
    '--site', `${disk}${SITE_FILE}`,
    '--site-name', siteName,
    '--state-dir', `${disk}/var/lib/fairlead/state`,
    '--identity-dir', `${disk}/var/lib/fairlead/identity`,
    '--listen', `${host.address}:${CONTROL_PORT}`,
    '--join-listen', `${host.address}:${JOIN_PORT}`,
    '--admin-socket', ADMIN_SOCKET,
    '--metrics-listen', `${host.address}:${METRICS_PORT}`,
  ];
}

/** Where an app's key and certificates are on a host. */
export function pkiDirectory(host: string): string {
  return `${diskOf(host)}/etc/fairlead/pki`;
}

/** All that follows `lbagent` on the command line of an LB machine. */
export function lbagentArguments(host: { name: string; address: string }): string[] {
  const disk = diskOf(host.name);
  // One flag a line.
  // prettier-ignore
  return [
    'run',
    '--name', host.name,
    '--listen', `${host.address}:${LBAGENT_PORT}`,
    '--pki-dir', pkiDirectory(host.name),
    '--state-dir', `${disk}/var/lib/fairlead/lbagent`,
    '--run-dir', '/run/fairlead',
    '--haproxy-config', `${disk}/etc/haproxy/haproxy.cfg`,
    '--keepalived-config', `${disk}/etc/keepalived/keepalived.conf`,
    '--processes', 'child',
    '--metrics-listen', `${host.address}:${LBAGENT_METRICS_PORT}`,
  ];
}
