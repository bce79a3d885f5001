import { isEnrolledKind, isName } from '@fairlead/certs';
import { failure, formatCaller, type CertificatesService, type Handlers } from '@fairlead/rpc';
import { isRole } from '../authorise.ts';
import type { JoinTokenWish, MadeJoinToken } from './join-tokens.ts';
import type { CertificateRecord } from './records.ts';

/** What the service for operators is served from. */
export interface CertificatesServiceSettings {
  readonly makeJoinToken: (wish: JoinTokenWish) => Promise<MadeJoinToken>;
  /** Every certificate that is not past its end. */
  readonly certificates: () => Promise<readonly CertificateRecord[]>;
}

const longestLifetimeSeconds = 30 * 24 * 3600;

/** Join tokens and certificates, for operators. */
export function certificatesService(settings: CertificatesServiceSettings): Handlers<typeof CertificatesService> {
  return {
    async createJoinToken(request, context) {
      const wish = wishOf(request);
      const { token, expires } = await settings.makeJoinToken({ ...wish, by: formatCaller(context.identity) });
      return { token, expires: timestampOf(expires) };
    },
    async listCertificates() {
      const held = await settings.certificates();
      return {
        certificates: held.map(({ serial, identity, notBefore, notAfter }) => ({
          serial,
          identity,
          notBefore: timestampOf(notBefore),
          notAfter: timestampOf(notAfter),
        })),
      };
    },
  };
}

interface TokenRequest {
  readonly kind: string;
  readonly name: string;
  readonly role: string;
  readonly lifetimeSeconds: number;
}

function wishOf({ kind, name, role, lifetimeSeconds }: TokenRequest): Omit<JoinTokenWish, 'by'> {
  if (!isEnrolledKind(kind)) throw invalid('kind', `"${kind}" cannot join: say lbagent, controller or operator`);
  if (!isName(name)) throw invalid('name', `"${name}" must be 1-63 of a-z, 0-9 and "-", no "-" at the ends`);
  if (lifetimeSeconds > longestLifetimeSeconds) {
    throw invalid('lifetime_seconds', `a join token lives for ${String(longestLifetimeSeconds)} s (30 days) at most`);
  }
  const lifetime = lifetimeSeconds === 0 ? {} : { lifetime: lifetimeSeconds * 1000 };
  if (kind === 'operator') {
    if (!isRole(role)) throw invalid('role', `an operator needs a role: say reader, operator or admin`);
    return { kind, name, role, ...lifetime };
  }
  if (role !== '') throw invalid('role', `a token for a ${kind} has no role: leave it out`);
  return { kind, name, ...lifetime };
}

function invalid(field: string, message: string): Error {
  return failure('INVALID_ARGUMENT', 'INVALID_ARGUMENT', message, field);
}

function timestampOf(milliseconds: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
