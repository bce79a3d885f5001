import { formatIdentity } from '@fairlead/certs';
import { failure, type Handlers, type HandlerContext, type IdentityService, type StatusName } from '@fairlead/rpc';
import type { Logger } from '@fairlead/telemetry';
import type { Certified, Certifier } from './certifier.ts';
import type { Nonces } from './nonces.ts';
import type { IdentityRefusalReason } from './refusal.ts';

/** What the join port is served from. */
export interface IdentityServiceSettings {
  readonly certifier: Certifier;
  readonly nonces: Nonces;
  /** DER. */
  readonly roots: () => readonly Uint8Array[];
  readonly log: Logger;
  /** Called after each first certificate, before it is handed out. */
  readonly onEnrolled: () => Promise<void>;
  readonly now: () => number;
}

/** The service of the join port. Every certificate and every refusal leaves an audit line. */
export function identityService(settings: IdentityServiceSettings): Handlers<typeof IdentityService> {
  const { certifier, nonces, roots, now } = settings;
  return {
    challenge: () => Promise.resolve({ nonce: nonces.issue(now()) }),
    trustBundle: () => Promise.resolve({ roots: [...roots()] }),
    async enrol(request, context) {
      const { token, nonce, publicKey, signature } = request;
      const certified = await certifier.enrol({ token, nonce, publicKey, signature });
      const answer = answerOf(settings, certified, { action: 'enrol', peer: peerOf(context) });
      await settings.onEnrolled();
      return answer;
    },
    async renew(request, context) {
      const { chain, nonce, publicKey, newKeySignature: signature, oldKeySignature } = request;
      const certified = await certifier.renew({ chain, nonce, publicKey, signature, oldKeySignature });
      return answerOf(settings, certified, { action: 'renew', peer: peerOf(context) });
    },
  };
}

function answerOf(
  { log, roots }: IdentityServiceSettings,
  certified: Certified,
  audit: { readonly action: 'enrol' | 'renew'; readonly peer: string },
): { issued: { chain: Uint8Array[]; roots: Uint8Array[] } } {
  if ('refused' in certified) {
    const { refused, message, claimed } = certified;
    log.warn({ audit: 'certificate-refused', ...audit, claimed, reason: refused }, message);
    throw failure(statuses[refused], refused, message);
  }
  const { identity, serial, notAfter, chain } = certified.issued;
  const described = { identity: formatIdentity(identity), serial, expires: new Date(notAfter).toISOString() };
  log.info({ audit: 'certificate-issued', ...audit, ...described }, 'certificate issued');
  return { issued: { chain: [...chain], roots: [...roots()] } };
}

function peerOf(context: Pick<HandlerContext, 'peer'>): string {
  return context.peer;
}

const statuses: Readonly<Record<IdentityRefusalReason, StatusName>> = {
  // A fresh one will do: the asker simply begins again.
  NONCE_INVALID: 'ABORTED',
  KEY_NOT_ACCEPTED: 'INVALID_ARGUMENT',
  KEY_REUSED: 'INVALID_ARGUMENT',
  TOKEN_MALFORMED: 'INVALID_ARGUMENT',
  CHAIN_INCOMPLETE: 'INVALID_ARGUMENT',
  SIGNATURE_WRONG: 'UNAUTHENTICATED',
  CHAIN_NOT_GENUINE: 'UNAUTHENTICATED',
  CHAIN_NOT_ALLOWED: 'PERMISSION_DENIED',
  NOT_YET_VALID: 'PERMISSION_DENIED',
  IDENTITY_INVALID: 'PERMISSION_DENIED',
  USAGE_WRONG: 'PERMISSION_DENIED',
  REVOKED: 'PERMISSION_DENIED',
  EXPIRED: 'PERMISSION_DENIED',
  UNKNOWN_IDENTITY: 'PERMISSION_DENIED',
  TOKEN_OF_ANOTHER_SITE: 'PERMISSION_DENIED',
  TOKEN_UNKNOWN: 'PERMISSION_DENIED',
  TOKEN_FOR_ANOTHER_NAME: 'PERMISSION_DENIED',
  TOKEN_USED: 'PERMISSION_DENIED',
  TOKEN_EXPIRED: 'PERMISSION_DENIED',
};
