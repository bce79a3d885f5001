import type { Caller } from '@fairlead/rpc';

/** What an operator may do; each role may do what the ones before it may. */
export type Role = 'reader' | 'operator' | 'admin';

/** All roles, weakest first. */
export const roles: readonly Role[] = ['reader', 'operator', 'admin'];

/** True for the name of a role. */
export function isRole(text: string): text is Role {
  return roles.some((role) => role === text);
}

/**
 * Who may call what: the one place where it is decided. `member`: whoever has a certificate of the site;
 * `anybody`: every request proves itself; a role: operators who have it or a stronger one. What is not here, nobody may.
 */
const table = new Map<string, 'anybody' | 'member' | 'controller' | Role>(
  Object.entries({
    '/fairlead.v1.IdentityService/Challenge': 'anybody',
    '/fairlead.v1.IdentityService/Enrol': 'anybody',
    '/fairlead.v1.IdentityService/Renew': 'anybody',
    '/fairlead.v1.IdentityService/TrustBundle': 'anybody',

    '/fairlead.v1.HealthService/CheckHealth': 'member',
    '/grpc.health.v1.Health/Check': 'member',
    '/grpc.health.v1.Health/List': 'member',
    '/grpc.health.v1.Health/Watch': 'member',

    // Only for its own cluster, which stands in the request: see whyNotForCluster.
    '/fairlead.v1.LoadBalancersService/OpenSession': 'controller',
    '/fairlead.v1.LoadBalancersService/SyncNodes': 'controller',
    '/fairlead.v1.LoadBalancersService/Ensure': 'controller',
    '/fairlead.v1.LoadBalancersService/Delete': 'controller',
    '/fairlead.v1.LoadBalancersService/WatchStatus': 'controller',

    '/fairlead.v1.SiteService/Get': 'reader',
    '/fairlead.v1.SiteService/List': 'reader',
    '/fairlead.v1.SiteService/Watch': 'reader',
    '/fairlead.v1.SiteService/Show': 'reader',
    '/fairlead.v1.SiteService/Apply': 'operator',
    '/fairlead.v1.SiteService/DeleteResource': 'operator',
    '/fairlead.v1.MachinesService/Add': 'operator',

    '/fairlead.v1.CertificatesService/ListCertificates': 'reader',
    // Can make operators, admins too.
    '/fairlead.v1.CertificatesService/CreateJoinToken': 'admin',
  }),
);

/**
 * Undefined when the caller may call the method ("/package.Service/Method"), else why not: one sentence that says what
 * to do. `roleOf` tells the role of an operator by name, undefined when none is recorded. PURE.
 */
export function whyNot(
  caller: Caller,
  method: string,
  roleOf: (operator: string) => Role | undefined,
): string | undefined {
  const needed = table.get(method);
  if (needed === undefined) return `${method} is not for anybody: check the version of both sides`;
  if (needed === 'anybody') return undefined;
  if (caller.kind === 'anonymous') return `${method} needs a certificate of this site: enrol with a join token`;
  if (needed === 'member') return undefined;
  if (needed === 'controller') {
    return caller.kind === 'controller' ? undefined : `${method} is for the controller of a cluster only`;
  }
  if (caller.kind === 'admin-socket') return undefined;
  if (caller.kind !== 'operator') return `${method} is for operators with role "${needed}" only`;
  return whyNotWithRole(caller.name, roleOf(caller.name), needed);
}

/** Undefined when a caller that may call the LoadBalancersService may do so for this cluster, else why not. PURE. */
export function whyNotForCluster(caller: Caller, cluster: string): string | undefined {
  if (caller.kind === 'controller' && caller.name === cluster) return undefined;
  const who =
    caller.kind === 'controller' ? `the controller of cluster "${caller.name}"` : `a caller of kind "${caller.kind}"`;
  return `${who} may not act for cluster "${cluster}": give the controller of that cluster a join token of its own`;
}

function whyNotWithRole(operator: string, role: Role | undefined, needed: Role): string | undefined {
  if (role === undefined) {
    return `operator "${operator}" has no role here: log in again with a token of \`fairlead tokens create\``;
  }
  if (roles.indexOf(role) >= roles.indexOf(needed)) return undefined;
  return `operator "${operator}" has role "${role}", this needs "${needed}": ask an administrator`;
}
