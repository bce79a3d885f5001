import type { RenewalRefusal } from '@fairlead/certs';

/** Why no certificate was given: a reason for programs, a sentence for the one who asked, facts for the audit line. */
export interface IdentityRefusal {
  readonly refused: IdentityRefusalReason;
  readonly message: string;
  /** Whom the request spoke of, as far as it could be read; not proven. */
  readonly claimed: string;
}

export type IdentityRefusalReason =
  | RenewalRefusal
  | 'NONCE_INVALID'
  | 'KEY_NOT_ACCEPTED'
  | 'KEY_REUSED'
  | 'SIGNATURE_WRONG'
  | 'TOKEN_MALFORMED'
  | 'TOKEN_OF_ANOTHER_SITE'
  | 'TOKEN_UNKNOWN'
  | 'TOKEN_FOR_ANOTHER_NAME'
  | 'TOKEN_USED'
  | 'TOKEN_EXPIRED';
